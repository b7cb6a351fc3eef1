"""The settings of a picture in its own file."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pastiche.options import Options
from pastiche.picture_settings import (
    UnreadableSettings,
    describe_settings,
    find_settings,
    read_settings,
    save_arguments,
)
from pastiche.pictures import read_picture
from pastiche.version import __version__
from tests import pictures

FORMATS = ("PNG", "JPEG", "WEBP")
OPTIONS = Options(size=640, seed=7, style_weights=(0.7, 0.3), style_layers={"relu1_1": 0.5})


def saved(format: str, settings: str, **more: Any) -> bytes:
    out = BytesIO()
    arguments = save_arguments(format, settings)
    pictures.photograph(48, 32).save(out, format, **arguments, **more)
    return out.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_the_options_and_the_version_are_read_back(format: str) -> None:
    read = read_settings(saved(format, describe_settings(OPTIONS, "vgg16")))
    assert read.version == __version__
    assert read.options == Options(
        size=640,
        seed=7,
        style_weights=(0.7, 0.3),
        style_layers={"relu1_1": 0.5},
        backbone="vgg16",
    )


@pytest.mark.parametrize("format", FORMATS)
def test_other_programs_see_the_settings(format: str) -> None:
    settings = describe_settings(OPTIONS, "vgg16")
    with Image.open(BytesIO(saved(format, settings))) as picture:
        text = picture.info["pastiche"] if format == "PNG" else picture.getexif()[0x010E]
    assert text == settings


@pytest.mark.parametrize("format", FORMATS)
def test_settings_leave_the_pixels_as_they_are(format: str) -> None:
    out = BytesIO()
    pictures.photograph(48, 32).save(out, format)
    with_settings = saved(format, describe_settings(OPTIONS, "vgg16"))
    assert read_picture(with_settings).tobytes() == read_picture(out.getvalue()).tobytes()


def test_settings_that_another_program_has_written_again_are_read() -> None:
    """Big-endian, behind other entries."""
    exif = Image.Exif()
    exif.endian = ">"
    exif[0x0112], exif[0x010E] = 1, describe_settings(OPTIONS, "vgg16")
    out = BytesIO()
    pictures.photograph(48, 32).save(out, "JPEG", exif=exif.tobytes())
    assert read_settings(out.getvalue()).options.seed == 7


@pytest.mark.parametrize("format", FORMATS)
def test_the_job_that_painted_a_picture_is_read_back(format: str) -> None:
    job_id = 32 * "a"
    read = read_settings(saved(format, describe_settings(OPTIONS, "vgg16", job_id)))
    assert read.job_id == job_id
    without = read_settings(saved(format, describe_settings(OPTIONS, "vgg16")))
    assert without.job_id is None


@pytest.mark.parametrize("job", ["../keys", 32 * "A", 32 * "a" + "\n", 7, None, ["a"]])
def test_what_is_no_id_of_a_job_is_ignored(job: Any) -> None:
    settings = json.loads(describe_settings(OPTIONS, "vgg16")) | {"job": job}
    read = read_settings(saved("PNG", json.dumps(settings)))
    assert (read.options.seed, read.job_id) == (OPTIONS.seed, None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "a holiday",
        "{",
        "[" * 50_000,
        "{" * 50_000,
        "{}",
        '{"pastiche": "0.2.0"}',
        '{"pastiche": "0.2.0", "options": 3}',
    ],
    ids=lambda text: text[:12],
)
def test_a_text_that_is_not_ours_is_refused(format: str, text: str) -> None:
    with pytest.raises(UnreadableSettings, match="does not say how it was painted"):
        read_settings(saved(format, text))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"sise": 64}, "sise does not exist. Did you mean size?"),
        ({"size": "large"}, "size must be a whole number"),
        ({"size": 10**9}, "size must be a whole number"),
        ({"style_weight": 10**400}, "style_weight must be a number"),
        ({"style_layers": {"relu1_1": {}}}, "style_layers must be"),
    ],
)
def test_settings_of_another_version_are_refused_with_the_option(
    options: dict[str, Any], fault: str
) -> None:
    settings = json.dumps({"pastiche": "9.0", "options": options})
    with pytest.raises(UnreadableSettings) as caught:
        read_settings(saved("PNG", settings))
    assert "was painted by Pastiche 9.0" in str(caught.value)
    assert fault in str(caught.value).replace(":", "")


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_cut_off_anywhere_raises_nothing_else(format: str) -> None:
    data = saved(format, describe_settings(OPTIONS, "vgg16"))
    for end in range(0, len(data), 7):
        find_settings(data[:end])


@pytest.mark.parametrize(
    "path", ["examples/images/content/harbour.jpg", "docs/pictures/curves.png"]
)
def test_pictures_without_settings_have_none(path: str) -> None:
    assert find_settings((Path(__file__).parents[2] / path).read_bytes()) is None
