"""Several styles, masks, and start images: what is accepted, and what is refused."""

from typing import Any

import httpx
import pytest
from PIL import Image

from shared.job_store import JobStore
from tests import pictures
from tests.api.submissions.test_submit import assert_nothing_left, errors_of
from tests.conftest import RunningApi

Files = list[tuple[str, bytes]]
PAIR: Files = [("content", pictures.jpeg()), ("style", pictures.png())]
TWO_STYLES: Files = [*PAIR, ("style", pictures.jpeg())]


def mask(width: int = 96, height: int = 64) -> bytes:
    """White on the left."""
    image = Image.new("L", (width, height))
    image.paste(255, (0, 0, width // 2, height))
    return pictures.encoded(image, "PNG")


def submit(api: RunningApi, files: Files, **options: Any) -> httpx.Response:
    return api.http.post("/jobs", files=files, data=options)


def stored_pictures(api: RunningApi) -> list[str]:
    return sorted(path.name for path in api.blobs)


def test_several_styles_are_stored_in_their_order(api: RunningApi) -> None:
    job = submit(api, TWO_STYLES, style_weights="0.7,0.3").json()
    assert job["options"]["style_weights"] == [0.7, 0.3]
    assert stored_pictures(api) == ["content-0", "style-0", "style-1"]


def test_masks_are_stored_in_grey(api: RunningApi) -> None:
    masks = [("mask", mask()), ("mask", mask()), ("style_mask", mask()), ("style_mask", mask())]
    response = submit(api, [*TWO_STYLES, *masks, ("content_map", mask())])
    assert response.status_code == 202
    for path in api.blobs:
        with Image.open(path) as picture:
            red, green, blue = picture.convert("RGB").split()
        is_grey = red.tobytes() == green.tobytes() == blue.tobytes()
        assert is_grey != path.name.startswith(("content-", "style-"))


def test_a_start_image_needs_no_other_option(api: RunningApi) -> None:
    job = submit(api, [*PAIR, ("start_image", pictures.png())]).json()
    assert job["options"]["start"] == "image"
    assert "start_image-0" in stored_pictures(api)


@pytest.mark.parametrize(
    ("files", "options", "errors"),
    [
        ([("mask", mask(64, 96))], {}, {"mask": "wrong_aspect"}),
        ([("style_mask", mask(64, 96))], {}, {"style_mask": "wrong_aspect"}),
        ([("content_map", mask(64, 96))], {}, {"content_map": "wrong_aspect"}),
        ([("start_image", mask(64, 96))], {}, {"start_image": "wrong_aspect"}),
        ([("mask", mask()), ("mask", mask())], {}, {"mask": "invalid_value"}),
        ([("style_mask", mask())] * 2, {}, {"style_mask": "invalid_value"}),
        ([("mask", mask())], {"style_blend": "statistics"}, {"style_blend": "invalid_value"}),
        ([("mask", b"")], {}, {"mask": "empty_file"}),
        ([("mask", b"no picture")], {}, {"mask": "picture_unknown"}),
        ([("start_image", mask())], {"start": "noise"}, {"start_image": "invalid_value"}),
        ([], {"start": "image"}, {"start_image": "invalid_value"}),
        ([], {"start": 32 * "0"}, {"start": "job_not_found"}),
        ([], {"style_weights": "1,2,3"}, {"style_weights": "invalid_value"}),
    ],
)
def test_options_that_exclude_each_other_are_refused_by_name(
    files: Files, options: dict[str, str], errors: dict[str, str], api: RunningApi, jobs: JobStore
) -> None:
    response = submit(api, [*PAIR, *files], **options)
    assert errors_of(response) == errors
    assert_nothing_left(api, jobs)


def test_a_mask_that_is_black_everywhere_is_refused(api: RunningApi) -> None:
    black = pictures.encoded(Image.new("L", (96, 64)), "PNG")
    assert errors_of(submit(api, [*PAIR, ("mask", black)])) == {"mask": "mask_empty"}


def test_a_mask_that_is_dark_everywhere_is_refused_and_accepted_as_a_content_map(
    api: RunningApi,
) -> None:
    dark = pictures.encoded(Image.new("L", (96, 64), 102), "PNG")
    assert errors_of(submit(api, [*PAIR, ("style_mask", dark)])) == {"style_mask": "mask_empty"}
    assert submit(api, [*PAIR, ("content_map", dark)]).status_code == 202


def test_a_mask_of_another_size_is_accepted(api: RunningApi) -> None:
    assert submit(api, [*PAIR, ("mask", mask(48, 32))]).status_code == 202


def test_a_job_that_is_not_over_cannot_be_a_start(api: RunningApi) -> None:
    waiting = submit(api, PAIR).json()["id"]
    response = submit(api, PAIR, start=waiting)
    assert errors_of(response) == {"start": "no_result"}
    assert "queued" in response.json()["errors"][0]["detail"]


def test_a_preset_sets_what_is_not_given(api: RunningApi) -> None:
    options = submit(api, PAIR, preset="draft", iterations="7").json()["options"]
    assert (options["size"], options["iterations"]) == (256, 7)


def test_layers_and_numbers_are_read_from_one_text(api: RunningApi) -> None:
    options = submit(api, PAIR, style_layers="relu1_1:2,relu3_1", scale_iterations="30, 20").json()[
        "options"
    ]
    assert options["style_layers"] == {"relu1_1": 2, "relu3_1": 1}
    assert options["scale_iterations"] == [30, 20]


def test_the_iterations_of_a_job_are_those_of_all_scales(api: RunningApi) -> None:
    assert submit(api, PAIR, scale_iterations="30,20").json()["iterations"] == 50


def test_openapi_knows_every_field(api: RunningApi) -> None:
    schemas = api.http.get("/openapi.json").json()["components"]["schemas"]
    body = schemas["SubmitJobForm"]
    fields = body["properties"]
    assert fields["style"]["type"] == fields["mask"]["type"] == "array"
    assert schemas["Preset"]["enum"][:3] == ["draft", "standard", "fine"]
    assert "required" not in body  # an earlier job may have the pictures
    assert all(field["description"] for field in fields.values())
