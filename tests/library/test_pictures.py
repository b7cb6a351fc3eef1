"""The one reader of pictures: each kind of file, and each way that a picture can be given."""

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from pastiche.engine.images import read_image, read_mask
from pastiche.picture_sources import UnreadablePicture
from pastiche.pictures import apply_transparency, as_mask, encode_png, on_white, read_picture
from tests import pictures
from tests.picture_cases import CASES, CUT_OFF, Case, assert_masks, assert_shows
from tests.picture_inputs import (
    INPUT_METHODS,
    InputMethod,
    array_of,
    cases_of,
    cases_without,
    opened_inputs,
)


@pytest.mark.parametrize("case", cases_of("file").values(), ids=cases_of("file"))
def test_a_file_is_read_upright_in_srgb_with_its_transparency(case: Case) -> None:
    picture = read_picture(case.data)
    is_opaque = case.expected().getchannel("A").getextrema() == (255, 255)
    assert picture.mode == ("RGB" if is_opaque else "RGBA")
    assert not picture.info
    assert_shows(on_white(picture), case)
    assert_masks(as_mask(picture), case)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own, when it opens one
@pytest.mark.parametrize(
    ("method", "case"),
    [
        pytest.param(method, case, id=f"{name}-{method_name}")
        for method_name, method in INPUT_METHODS.items()
        for name, case in cases_of(method.carrier).items()
    ],
)
def test_the_library_reads_images_and_masks(
    method: InputMethod, case: Case, tmp_path: Path
) -> None:
    with opened_inputs(tmp_path) as give:
        given = give(method, case.data)
        image, mask = read_image(given), read_mask(given)
    assert_shows(image[0].permute(1, 2, 0).numpy() * 255, case)
    assert_masks(mask[0, 0].numpy() * 255, case)


@pytest.mark.parametrize("case", cases_without("file").values(), ids=cases_without("file"))
def test_a_file_of_another_format_is_refused(case: Case) -> None:
    with pytest.raises(UnreadablePicture, match="not in JPEG, PNG, WebP or AVIF format"):
        read_picture(case.data)


@pytest.mark.parametrize("case", cases_without("pillow").values(), ids=cases_without("pillow"))
def test_what_the_table_gives_as_a_file_alone_pillow_does_not_open(case: Case) -> None:
    with pytest.raises((OSError, ValueError)):
        array_of(case.data)


NO_ARRAYS = {
    name: case for name, case in cases_of("pillow").items() if "array" not in case.carriers
}


@pytest.mark.parametrize("case", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_what_the_table_gives_to_no_array_no_array_shows(case: Case) -> None:
    try:
        found = read_picture(array_of(case.data))
    except (OSError, UnreadablePicture):
        return
    shown = np.asarray(found.convert("RGBA"), dtype=int)
    expected = np.asarray(case.expected(), dtype=int)
    assert shown.shape != expected.shape or np.abs(shown - expected).max() > case.tolerance


def test_a_pillow_picture_that_was_read_still_loads() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        with Image.open(BytesIO(pictures.encoded(pictures.photograph(), kind))) as opened:
            first = read_picture(opened)
            assert np.array_equal(np.asarray(opened.convert("RGB")), np.asarray(first))


@pytest.mark.parametrize(
    "name",
    [
        "JPEG turned by EXIF",
        "PNG turned by EXIF",
        "WebP turned by EXIF",
        "AVIF turned",
        "TIFF turned",
        "RGB with its profile",
        "16-bit grey",
        "floating point TIFF",
    ],
)
def test_a_pillow_picture_may_be_decoded_and_resized_before(name: str) -> None:
    with Image.open(BytesIO(CASES[name].data)) as opened:
        opened.load()
        half = opened.width // 2, opened.height // 2
        smaller = opened.resize(half, Image.Resampling.NEAREST)
    expected = CASES[name].expected_colours()
    assert_shows(on_white(read_picture(opened)), CASES[name])
    found = np.asarray(on_white(read_picture(smaller)), dtype=float)
    assert np.abs(found - expected[::2, ::2]).max() <= CASES[name].tolerance


def test_a_picture_that_was_turned_is_not_turned_again() -> None:
    case = CASES["JPEG turned by EXIF"]
    with Image.open(BytesIO(case.data)) as opened:
        upright = ImageOps.exif_transpose(opened)
    assert_shows(read_picture(upright), case)
    assert_shows(read_picture(read_picture(upright)), case)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(orientation: int) -> None:
    stored = pictures.encoded(
        pictures.photograph(), "JPEG", exif=b"Exif\0\0" + pictures.exif(orientation)
    )
    with Image.open(BytesIO(stored)) as opened:
        upright = ImageOps.exif_transpose(opened)
    assert np.array_equal(np.asarray(read_picture(stored)), np.asarray(upright))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "RGBa", "CMYK", "YCbCr", "HSV"])
def test_a_pillow_picture_of_any_mode_is_read(mode: str) -> None:
    white = Image.new("RGBA" if mode in ("PA", "RGBa") else "RGB", (16, 16), "white")
    picture = white.convert("LA").convert("La") if mode == "La" else white.convert(mode)
    assert on_white(read_picture(picture)).getcolors() == [(256, (255, 255, 255))]


@pytest.mark.parametrize("mode", ["I", "I;16"])
def test_sixteen_bit_grey_is_scaled_in_every_mode(mode: str) -> None:
    picture = Image.new(mode, (16, 16), 32768)
    assert read_picture(picture).getcolors() == [(256, (128, 128, 128))]


def test_whole_numbers_up_to_255_are_read_as_eight_bits() -> None:
    picture = Image.new("I", (16, 16), 200)
    assert read_picture(picture).getcolors() == [(256, (200, 200, 200))]


@pytest.mark.parametrize("make", CUT_OFF.values(), ids=CUT_OFF)
def test_a_file_whose_last_pixels_are_missing_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadablePicture, match="damaged or cut off"):
        read_picture(make())


@pytest.mark.parametrize("is_progressive", [False, True], ids=["baseline", "progressive"])
def test_a_jpeg_without_its_last_bytes_is_the_whole_picture_or_refused(
    is_progressive: bool,
) -> None:
    """Its last bits alone may be missing, of a few pixels."""
    for width in range(33, 53):
        jpeg = pictures.encoded(pictures.photograph(width, 40), "JPEG", progressive=is_progressive)
        whole = read_picture(jpeg)
        assert read_picture(jpeg[:-2]) == whole
        for missing in (3, 4):
            with suppress(UnreadablePicture):
                assert read_picture(jpeg[:-missing]) == whole


def arrays() -> dict[str, object]:
    pixels = np.asarray(pictures.photograph())
    channels_first = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    return {
        "8 bits": pixels,
        "16 bits": pixels.astype(np.uint16) * 257,
        "whole numbers": pixels.astype(np.int64),
        "0 to 1": pixels / 255,
        "half precision": (pixels / 255).astype(np.float16),
        "other whole numbers": pixels.astype(np.uint32),
        "16 bits, big-endian": (pixels.astype(np.uint16) * 257).astype(">u2"),
        "0 to 1, big-endian": (pixels / 255).astype(">f4"),
        "long double": (pixels / 255).astype(np.longdouble),
        "from right to left": np.ascontiguousarray(pixels[:, ::-1])[:, ::-1],
        "every other row and column": pixels.repeat(2, axis=0).repeat(2, axis=1)[::2, ::2],
        "columns first": np.asfortranarray(pixels),
        "columns first, 0 to 1": np.asfortranarray(pixels / 255),
        "masked": np.ma.masked_array(pixels),
        "read-only": np.broadcast_to(pixels, pixels.shape),
        "tensor of 8 bits": channels_first,
        "tensor of the engine": channels_first[None] / 255,
        "tensor, channels last in memory": (channels_first[None] / 255).contiguous(
            memory_format=torch.channels_last
        ),
        "tensor of 16 bits": (channels_first.to(torch.int32) * 257).to(torch.uint16),
        "tensor of whole numbers": channels_first.long(),
        "tensor in double precision": channels_first.double() / 255,
        "tensor in half precision": (channels_first / 255).half(),
        "parameter": torch.nn.Parameter(channels_first / 255),
        "tensor with a gradient": (channels_first / 255).requires_grad_(),
        "tensor in bfloat16": (channels_first / 255).to(torch.bfloat16),
    }


@pytest.mark.parametrize("array", arrays().values(), ids=arrays())
def test_an_array_is_the_picture_that_it_shows(array: np.ndarray) -> None:
    found = np.asarray(read_picture(array), dtype=int)
    assert np.abs(found - np.asarray(pictures.photograph(), dtype=int)).max() <= 1


def test_an_array_may_be_grey_or_transparent() -> None:
    pixels = np.asarray(pictures.photograph())
    assert np.array_equal(np.asarray(read_picture(pixels[:, :, 0]))[:, :, 1], pixels[:, :, 0])
    assert np.array_equal(np.asarray(read_picture(pixels[:, :, :1]))[:, :, 2], pixels[:, :, 0])
    layers = np.dstack((pixels, pixels[:, :, 0]))
    assert np.array_equal(np.asarray(read_picture(layers)), layers)
    grey = layers[:, :, (0, 0, 0, 3)]
    assert np.array_equal(np.asarray(read_picture(layers[:, :, (0, 3)])), grey)
    assert read_picture(pixels[:, :, 0] > 100).getextrema()[0] == (0, 255)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((4, 16, 16, 3)), r"shape \(4, 16, 16, 3\)"),
        (np.zeros((16, 16, 5)), r"shape \(16, 16, 5\)"),
        (np.zeros((3, 16, 16)), r"shape \(3, 16, 16\)"),
        (np.zeros((0, 16, 3)), r"shape \(0, 16, 3\)"),
        (torch.zeros(2, 3, 16, 16), r"shape \(2, 3, 16, 16\)"),
        (np.full((16, 16), 200.0), "floating point numbers in 0 to 1"),
        (np.full((16, 16), np.nan), "floating point numbers in 0 to 1"),
        (np.full((16, 16), -1), "whole numbers must be in 0 to 255"),
        (np.full((16, 16), "red"), "array of <U3"),
        (np.zeros((16, 16), complex), "array of complex128"),
        (np.zeros((16, 16), object), "array of object"),
        (np.zeros((16, 16), "M8[s]"), "array of datetime64"),
        (np.zeros((16, 16), [("red", "u1")]), "array of .*red"),
        (np.uint8(7), r"shape \(\)"),
        (torch.zeros(3, 16, 16, device="meta"), "cannot be read: Cannot copy out of meta tensor"),
        (torch.zeros(3, 16, 16).to_sparse(), "cannot be read: can't convert Sparse"),
        (torch.zeros(3, 16, 16).to(torch.float8_e4m3fn), "cannot be read: Got unsupported"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_a_sentence(
    array: np.ndarray, sentence: str
) -> None:
    with pytest.raises(UnreadablePicture, match=sentence):
        read_picture(array)


def test_a_picture_written_as_png_is_read_as_the_picture_itself() -> None:
    layers = pictures.halves((200, 100, 50, 128), (1, 2, 3, 255), "RGBA")
    assert np.array_equal(np.asarray(read_picture(encode_png(layers))), np.asarray(layers))


def test_what_is_read_stays_as_it_was() -> None:
    for mode in ("RGB", "RGBA", "L"):
        picture = pictures.photograph().convert(mode)
        picture.info["note"] = "mine"
        before = picture.tobytes()
        read_picture(picture)
        assert (picture.mode, picture.tobytes(), picture.info) == (mode, before, {"note": "mine"})


def test_a_painted_picture_is_as_transparent_as_its_content() -> None:
    content = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    painted = apply_transparency(pictures.photograph(128, 64), content)
    alpha = np.asarray(painted)[:, :, 3]
    assert (painted.mode, painted.size) == ("RGBA", (128, 64))
    assert alpha[:, :60].min() == 255
    assert alpha[:, 68:].max() == 0
    assert apply_transparency(pictures.photograph(), on_white(content)).mode == "RGB"
