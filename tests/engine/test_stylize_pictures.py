"""`stylize` with picture files, Pillow pictures and arrays."""

from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pastiche import Options, stylize
from pastiche.engine.progress import Progress
from pastiche.engine.weights.files import MissingWeights
from pastiche.options import OptionError
from pastiche.picture_sources import UnreadablePicture
from pastiche.progress_bar import ProgressBar

pytestmark = pytest.mark.usefixtures("thin_backbone")

QUICK = Options(size=64, iterations=4)


def drawn(width: int, height: int, seed: int, mode: str = "RGB") -> Image.Image:
    """A picture of noise, which activates every layer."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels, mode)


CONTENT, STYLE = drawn(96, 64, 1), drawn(80, 80, 2)


def test_two_paths_give_a_picture_that_saves_itself(tmp_path: Path) -> None:
    CONTENT.save(tmp_path / "me.png")
    STYLE.save(tmp_path / "monet.png")
    out = tmp_path / "out.png"
    stylize(str(tmp_path / "me.png"), tmp_path / "monet.png", QUICK).save(out)
    with Image.open(out) as painted:
        assert (painted.mode, painted.size) == ("RGB", (64, 43))


def test_arguments_override_the_values_of_a_preset() -> None:
    painted = stylize(CONTENT, STYLE, preset="draft", iterations=4)
    assert painted.size == (256, 171)


def test_a_preset_together_with_options_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^preset: cannot be combined with options"):
        stylize(CONTENT, STYLE, QUICK, preset="draft")


def test_a_preset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^preset: must be one of draft, standard, "):
        stylize(CONTENT, STYLE, preset="drafty")  # type: ignore[arg-type]  # a mistyped name


def test_a_notebook_shows_it() -> None:
    shown = stylize(CONTENT, STYLE, QUICK)._repr_png_()
    assert shown is not None
    assert shown.startswith(b"\x89PNG")


def test_a_photograph_that_was_turned_by_its_camera_is_painted_upright() -> None:
    file, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    CONTENT.save(file, "JPEG", exif=exif)
    assert stylize(file.getvalue(), STYLE, QUICK).size == (43, 64)


def test_pictures_and_arrays_of_the_same_pixels_give_the_same_picture() -> None:
    of_pictures = stylize(CONTENT, [STYLE], QUICK)
    of_arrays = stylize(np.asarray(CONTENT), np.asarray(STYLE), QUICK)
    assert of_pictures.tobytes() == of_arrays.tobytes()


@pytest.mark.parametrize(("keeps", "mode"), [(True, "RGBA"), (False, "RGB")])
def test_a_cut_out_stays_one_with_keep_transparency(keeps: bool, mode: str) -> None:
    cut_out = drawn(96, 64, 3, "RGBA")
    options = Options(size=64, iterations=4, keep_transparency=keeps)
    assert stylize(cut_out, STYLE, options).mode == mode


def test_each_style_is_painted_where_its_mask_is_white() -> None:
    left = Image.new("L", CONTENT.size, 0)
    left.paste(255, (0, 0, 48, 64))
    right = left.point(lambda value: 255 - value)
    other = Image.new("RGB", (80, 80), "white")
    one = stylize(CONTENT, [STYLE, other], QUICK, masks=[left, right])
    swapped = stylize(CONTENT, [STYLE, other], QUICK, masks=[right, left])
    assert one.tobytes() != swapped.tobytes()


def test_a_backbone_is_given_by_its_name() -> None:
    named = stylize(CONTENT, STYLE, QUICK, backbone="whitened")
    assert named.tobytes() == stylize(CONTENT, STYLE, replace(QUICK, backbone="whitened")).tobytes()
    with pytest.raises(MissingWeights, match="The vgg19-caffe backbone needs its weights"):
        stylize(CONTENT, STYLE, QUICK, backbone="vgg19-caffe")
    with pytest.raises(OptionError, match="backbone: must be one of auto, "):
        stylize(CONTENT, STYLE, QUICK, backbone="vgg20")


def test_a_picture_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UnreadablePicture, match="The style image"):
        stylize(CONTENT, b"no picture", QUICK)
    with pytest.raises(UnreadablePicture, match=r"There is no file nowhere\.jpg"):
        stylize("nowhere.jpg", STYLE, QUICK)
    with pytest.raises(UnreadablePicture, match=r"https://example\.org/a\.jpg is a URL: download"):
        stylize("https://example.org/a.jpg", STYLE, QUICK)


def test_images_that_do_not_fit_the_options_are_refused() -> None:
    with pytest.raises(OptionError, match="style"):
        stylize(CONTENT, [], QUICK)


def test_options_are_given_by_their_names() -> None:
    assert stylize(CONTENT, STYLE, QUICK, size=48).size == (48, 32)
    assert stylize(CONTENT, STYLE, size=48, iterations=4).size == (48, 32)


def test_an_option_that_does_not_exist_is_named_with_the_nearest_one() -> None:
    with pytest.raises(OptionError, match="Did you mean iterations"):
        stylize(CONTENT, STYLE, iteration=4)


def test_with_a_progress_bar_the_caller_is_still_called_and_no_file_gets_a_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    iterations: list[int] = []
    stylize(
        CONTENT,
        STYLE,
        QUICK,
        progress=True,
        on_progress=lambda progress: iterations.append(progress.iteration),
    )
    assert iterations == [1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_the_scale_and_the_iterations() -> None:
    terminal = Console(file=StringIO(), force_terminal=True, width=80)
    with ProgressBar(terminal) as bar:
        bar.update(Progress(30, 120, 2, 3, losses={}, layers={}, work=0.1))
    assert isinstance(terminal.file, StringIO)
    shown = terminal.file.getvalue()
    assert "Scale 2 of 3" in shown
    assert "30/120" in shown


def test_a_single_mask_need_not_be_in_a_list() -> None:
    mask = Image.new("L", CONTENT.size, 255)
    assert stylize(CONTENT, STYLE, QUICK, masks=mask).size == (64, 43)


def test_of_several_styles_the_one_that_cannot_be_read_is_numbered() -> None:
    with pytest.raises(UnreadablePicture, match="The style image 2"):
        stylize(CONTENT, [STYLE, b"no picture"], QUICK)
