"""Converts uploads into one kind of picture file, and pictures into formats that clients accept.

`pastiche.pictures` reads them. Decoding runs in a separate process, so `normalise` returns faults
as values, which `api.decoding.decoder` turns into errors.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from pastiche.picture_settings import find_settings, save_arguments
from pastiche.pictures import EncodedPicture, as_mask, on_white

Format = Literal["png", "jpeg", "webp"]

MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

SHORTEST_SIDE_PIXELS = 16
HIGHEST_ASPECT_RATIO = 20

PREVIEW_PIXELS = 1024
"""The longest side of a preview, at most."""

THUMBNAIL_PIXELS = 256
"""The longest side of a thumbnail, at most."""

LIGHTEST_OF_A_MASK = 128
"""The value, of 255, that a mask must reach somewhere: a darker mask is not visibly white."""

# Pillow's own limit would warn or raise; `Limits.pixels` applies first.
Image.MAX_IMAGE_PIXELS = None

_ENCODING: dict[Format, dict[str, int]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92, "method": 4},
}


# Takes a third of the time of a PNG, and two thirds of its size.
_LOSSLESS = {"lossless": True, "quality": 0, "method": 0}

STORED_FORMATS: tuple[Literal["WEBP", "PNG"], ...] = ("WEBP", "PNG")
"""What `normalise` and the worker write, without loss."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an upload. If its longest side has more than `keep_pixels`, it is reduced."""

    pixels: int
    keep_pixels: int


@dataclass(frozen=True, slots=True)
class PictureFault:
    """Why an upload is refused: a code, an HTTP status and a sentence."""

    code: str
    status: int
    detail: str


class DamagedPicture(Exception):
    """A picture in the store is not the file that was written there."""


def open_stored(picture: bytes | Path, *kinds: Literal["PNG", "JPEG", "WEBP"]) -> Image.Image:
    """Decodes a picture that `normalise` or the worker wrote.

    Args:
        picture: the bytes of the file, or where it is.
        kinds: the formats that it may have.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    try:
        source = BytesIO(picture) if isinstance(picture, bytes) else picture
        image = Image.open(source, formats=kinds)
        image.load()
    # Pillow raises each of these for damaged files; a lack of memory is a MemoryError.
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedPicture(str(error)) from error
    return image


def normalise(
    source: Path,
    target: Path,
    limits: Limits,
    *,
    is_mask: bool = False,
    may_be_dark: bool = False,
    keeps_transparency: bool = False,
) -> PictureFault | None:
    """Reads any accepted picture and writes it as upright 8-bit sRGB pixels without metadata.

    Transparent pixels become white (in a mask black), unless `keeps_transparency`. A mask that
    `may_be_dark` needs only to be lighter than black somewhere.

    Returns:
        None if the picture was written, otherwise what is wrong with it.
    """
    upload = source.read_bytes()
    try:
        normalised = _normalise(upload, limits, is_mask, may_be_dark, keeps_transparency)
    except UnidentifiedImageError:
        return PictureFault(
            "picture_unknown", 415, "This is not a JPEG, PNG, WebP or AVIF picture."
        )
    except MemoryError:
        return PictureFault(
            "picture_too_large", 413, "This picture needs too much memory to decode."
        )
    # Decoders raise every kind of error for damaged files, and nothing else can fail here.
    except Exception:
        return PictureFault(
            "picture_broken", 422, "This picture is damaged or cut off: it cannot be decoded."
        )
    if isinstance(normalised, PictureFault):
        return normalised
    target.write_bytes(normalised)
    return None


def _normalise(
    upload: bytes, limits: Limits, is_mask: bool, may_be_dark: bool, keeps_transparency: bool
) -> bytes | PictureFault:
    encoded = EncodedPicture(upload)
    fault = _check_size(*encoded.size, limits)
    if fault is not None:
        return fault
    picture = encoded.decode()
    del encoded  # releases the pixels as stored
    if is_mask:
        picture = as_mask(picture)
    elif not keeps_transparency:
        picture = on_white(picture)
    picture = _reduce(picture, limits.keep_pixels)
    fault = _check_lightness(picture, may_be_dark) if is_mask else None
    if fault is not None:
        return fault
    out = BytesIO()
    picture.save(out, "WEBP", **_LOSSLESS)
    return out.getvalue()


def size_of(picture: Path) -> tuple[int, int]:
    """The height and width of a picture that `normalise` or the worker wrote."""
    with Image.open(picture, formats=STORED_FORMATS) as image:
        return image.height, image.width


def is_transparent(picture: Path) -> bool:
    """Whether a picture that `normalise` wrote has transparent pixels."""
    with Image.open(picture, formats=STORED_FORMATS) as image:
        return image.mode == "RGBA"


def encode(picture: bytes, format: Format) -> bytes:
    """Converts a picture that `normalise` or the worker wrote to another format, with its settings.
    JPEG, which has no transparency, gets a white background.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    out = BytesIO()
    image = open_stored(picture, *STORED_FORMATS)
    shown = on_white(image) if format == "jpeg" else image
    settings = find_settings(picture)
    metadata = {} if settings is None else save_arguments(format, settings)
    shown.save(out, format.upper(), **_ENCODING[format], **metadata)
    return out.getvalue()


def encode_file(source: Path, target: Path, format: Format) -> None:
    """Converts a file that the worker wrote to another format."""
    target.write_bytes(encode(source.read_bytes(), format))


def encode_png(picture: Image.Image, settings: str) -> bytes:
    """Encodes a painted picture as it is stored: the compression is fast rather than small.

    Args:
        settings: what `describe_settings` returned.
    """
    out = BytesIO()
    picture.save(out, "PNG", **_ENCODING["png"], **save_arguments("png", settings))
    return out.getvalue()


def encode_thumbnail(picture: bytes) -> bytes:
    """Encodes a picture that `normalise` wrote as a small WebP file, on white.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    out = BytesIO()
    image = on_white(open_stored(picture, *STORED_FORMATS))
    _reduce(image, THUMBNAIL_PIXELS).save(out, "WEBP", quality=80)
    return out.getvalue()


def encode_preview(picture: Image.Image, longest_side: int = PREVIEW_PIXELS) -> bytes:
    """Encodes the picture so far as a small JPEG file."""
    out = BytesIO()
    _reduce(picture, longest_side).save(out, "JPEG", quality=80)
    return out.getvalue()


def reduce_preview(preview: bytes, longest_side: int) -> bytes:
    """Reduces what `encode_preview` returned to a smaller JPEG file.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    return encode_preview(open_stored(preview, "JPEG"), longest_side)


def preview_to_png(preview: bytes, settings: str) -> bytes:
    """Converts what `encode_preview` returned to the format of a finished picture.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    return encode_png(open_stored(preview, "JPEG"), settings)


def _check_size(width: int, height: int, limits: Limits) -> PictureFault | None:
    size = f"This picture is {width}×{height} pixels"
    shorter, longer = sorted((width, height))
    if width * height > limits.pixels:
        most = f"at most {limits.pixels / 1e6:.0f} megapixels are allowed"
        return PictureFault("picture_too_large", 413, f"{size}; {most}.")
    if shorter < SHORTEST_SIDE_PIXELS:
        least = f"each side needs at least {SHORTEST_SIDE_PIXELS}"
        return PictureFault("picture_too_small", 422, f"{size}; {least}.")
    if longer > HIGHEST_ASPECT_RATIO * shorter:
        most = f"one side may be at most {HIGHEST_ASPECT_RATIO} times the other"
        return PictureFault("picture_too_narrow", 422, f"{size}; {most}.")
    return None


def _check_lightness(mask: Image.Image, may_be_dark: bool) -> PictureFault | None:
    lightnesses = mask.histogram()
    if not any(lightnesses[1:]):
        sentence = "This mask is black or transparent everywhere."
    elif not may_be_dark and not any(lightnesses[LIGHTEST_OF_A_MASK:]):
        sentence = "This mask is too dark: it must be at least half white somewhere."
    else:
        return None
    return PictureFault("mask_empty", 422, sentence)


def _reduce(picture: Image.Image, longest_side: int) -> Image.Image:
    scale = longest_side / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(SHORTEST_SIDE_PIXELS, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
