"""Uploaded files become RGB pictures of one kind, or an error that says why they cannot."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from api.sweeps.contact_sheet import Cell, contact_sheet, thumbnail
from pastiche.options import Options
from pastiche.picture_settings import describe_settings, find_settings
from shared.pictures import Format, Limits, PictureFault, encode, encode_png, normalise
from tests import pictures
from tests.api.hostile import bombs

LIMITS = Limits(pixels=50_000_000, keep_pixels=2048)


def normalised(upload: bytes, folder: Path, limits: Limits = LIMITS) -> Image.Image:
    source, target = folder / "upload", folder / "picture"
    source.write_bytes(upload)
    fault = normalise(source, target, limits)
    assert fault is None
    with Image.open(target) as picture:
        picture.load()
    return picture


def refused(upload: bytes, folder: Path) -> PictureFault:
    source, target = folder / "upload", folder / "picture"
    source.write_bytes(upload)
    fault = normalise(source, target, LIMITS)
    assert fault is not None
    assert not target.exists()
    return fault


def colours(picture: Image.Image) -> tuple[list[int], list[int]]:
    """The mean colours of the left and of the right half."""
    pixels = np.asarray(picture, dtype=float)
    middle = pixels.shape[1] // 2
    left, right = pixels[:, :middle].mean((0, 1)), pixels[:, middle:].mean((0, 1))
    return [round(value) for value in left], [round(value) for value in right]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_usual_formats_become_rgb(kind: str, tmp_path: Path) -> None:
    picture = normalised(pictures.encoded(pictures.photograph(), kind), tmp_path)
    assert (picture.format, picture.mode, picture.size) == ("WEBP", "RGB", (96, 64))


def test_a_png_keeps_its_pixels(tmp_path: Path) -> None:
    picture = normalised(pictures.png(), tmp_path)
    assert np.array_equal(np.asarray(picture), np.asarray(pictures.photograph()))


def test_a_picture_that_exif_turns_comes_out_upright_and_without_metadata(tmp_path: Path) -> None:
    picture = normalised(pictures.rotated_by_exif(), tmp_path)
    assert picture.size == (32, 64)
    pixels = np.asarray(picture, dtype=int)
    assert pixels[8, 16, 0] > 200 > pixels[56, 16, 0]
    assert not picture.getexif()


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    cyan_and_black = pictures.halves((255, 0, 0, 0), (0, 0, 0, 255), mode="CMYK")
    left, right = colours(normalised(pictures.encoded(cyan_and_black, "JPEG"), tmp_path))
    assert left[0] < 60
    assert left[1] > 120
    assert max(right) < 60


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    left, _ = colours(normalised(pictures.sixteen_bit_grey(), tmp_path))
    assert left == [128, 128, 128]  # 32768/65535 is 127.502/255


def test_transparent_parts_of_a_palette_become_white(tmp_path: Path) -> None:
    left, right = colours(normalised(pictures.palette_with_transparency(), tmp_path))
    assert (left, right) == ([255, 0, 0], [255, 255, 255])


def test_half_transparent_red_is_composited_on_white(tmp_path: Path) -> None:
    picture = pictures.halves((255, 0, 0, 128), (255, 0, 0, 255), mode="RGBA")
    left, right = colours(normalised(pictures.encoded(picture, "PNG"), tmp_path))
    assert left == pytest.approx([255, 127, 127], abs=1)
    assert right == [255, 0, 0]


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_read_as_its_first_frame(kind: str, tmp_path: Path) -> None:
    left, _ = colours(normalised(pictures.animation(kind), tmp_path))
    assert left == pytest.approx([255, 0, 0], abs=4)


def test_a_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """A fifth of the light is almost half-way up in sRGB: 1.055·0.2^(1/2.4) − 0.055."""
    picture = pictures.halves((51, 51, 51), (255, 255, 255))
    upload = pictures.encoded(picture, "PNG", icc_profile=pictures.linear_profile())
    left, right = colours(normalised(upload, tmp_path))
    assert left == pytest.approx([124] * 3, abs=2)
    assert right == pytest.approx([255] * 3, abs=1)


def test_a_broken_colour_profile_is_ignored(tmp_path: Path) -> None:
    upload = pictures.encoded(pictures.photograph(), "PNG", icc_profile=b"no profile at all")
    assert np.array_equal(
        np.asarray(normalised(upload, tmp_path)), np.asarray(pictures.photograph())
    )


def test_a_picture_larger_than_the_limit_is_reduced(tmp_path: Path) -> None:
    picture = normalised(pictures.png(400, 200), tmp_path, Limits(1_000_000, keep_pixels=100))
    assert picture.size == (100, 50)


@pytest.mark.parametrize(
    ("upload", "code", "status"),
    [
        (b"This is only a text.", "picture_unknown", 415),
        (pictures.animation("GIF"), "picture_unknown", 415),
        (pictures.encoded(pictures.photograph(), "BMP"), "picture_unknown", 415),
        (pictures.jpeg()[:-200], "picture_broken", 422),
        (pictures.png()[:-200], "picture_broken", 422),
        (pictures.encoded(pictures.photograph(), "WEBP")[:200], "picture_broken", 422),
        (pictures.bomb(), "picture_too_large", 413),
        (pictures.bomb(8_000), "picture_too_large", 413),
        (pictures.png(8, 8), "picture_too_small", 422),
        (pictures.png(1, 20_000), "picture_too_small", 422),
        (pictures.png(16, 330), "picture_too_narrow", 422),
    ],
)
def test_an_unusable_picture_is_refused_with_a_reason(
    upload: bytes, code: str, status: int, tmp_path: Path
) -> None:
    fault = refused(upload, tmp_path)
    assert (fault.code, fault.status) == (code, status)


def test_noise_in_place_of_pixels_is_refused_whatever_its_decoder_raises(tmp_path: Path) -> None:
    assert refused(bombs.avif_with(b"mdat", 0, 50 * b"\xff"), tmp_path).code == "picture_broken"


def test_a_picture_is_turned_even_where_the_rest_of_its_exif_is_nonsense(tmp_path: Path) -> None:
    nonsense, turned = (0x0100, 2, 1, bytes(4)), (0x0112, 3, 1, b"\6\0\0\0")
    assert normalised(bombs.jpeg_with_exif([nonsense, turned]), tmp_path).size == (64, 96)


def test_the_smallest_and_the_narrowest_pictures_are_accepted(tmp_path: Path) -> None:
    assert normalised(pictures.png(16, 16), tmp_path).size == (16, 16)
    assert normalised(pictures.png(16, 320), tmp_path).size == (16, 320)


@pytest.mark.parametrize(("format", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_a_result_can_be_encoded_in_every_format(format: Format, kind: str) -> None:
    with Image.open(BytesIO(encode(pictures.png(), format))) as picture:
        assert (picture.format, picture.size) == (kind, (96, 64))


@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_a_result_has_its_settings_in_every_format(format: Format) -> None:
    settings = describe_settings(Options(seed=7), "vgg16")
    result = encode_png(pictures.photograph(96, 64), settings)
    assert find_settings(encode(result, format)) == settings


def test_a_transparent_result_is_on_white_in_jpeg_and_transparent_in_webp() -> None:
    layers = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    result = pictures.encoded(layers, "PNG")
    with Image.open(BytesIO(encode(result, "jpeg"))) as jpeg:
        assert colours(jpeg.convert("RGB"))[1] == pytest.approx([255] * 3, abs=2)
    with Image.open(BytesIO(encode(result, "webp"))) as webp:
        assert webp.getchannel("A").getextrema() == (0, 255)


def test_a_transparent_result_is_on_white_in_a_contact_sheet(tmp_path: Path) -> None:
    layers = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    result = tmp_path / "result.png"
    result.write_bytes(pictures.encoded(layers, "PNG"))
    small = thumbnail(result, (64, 32))
    sheet = contact_sheet([Cell(small, "")], columns=1, cell_size=(64, 32))
    with Image.open(BytesIO(sheet)) as picture:
        assert picture.getpixel((60, 16)) == (255, 255, 255)
