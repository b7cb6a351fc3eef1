"""Uploads into one plain kind of picture file, and pictures into what a client accepts.

`pastiche.pictures` reads them. Decoding runs in a process of its own (`api.decoding.decoder`), so a
fault is answered as a value here and becomes an error there.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from pastiche.pictures import EncodedPicture, as_mask, on_white

Format = Literal["png", "jpeg", "webp"]

MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

SHORTEST_SIDE_PIXELS = 16
HIGHEST_ASPECT_RATIO = 20

PREVIEW_PIXELS = 1024
"""The longest side of a picture that is shown while it is painted, at most."""

LIGHTEST_OF_A_MASK = 128
"""What a mask must reach somewhere, of 255: below it nobody would see where it is white."""

# Pillow's own guard warns or raises by a limit of its own; the one below comes first.
Image.MAX_IMAGE_PIXELS = None

_ENCODING: dict[Format, dict[str, int]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92, "method": 4},
}


# A third of the time that a PNG takes, and two thirds of its size.
_KEEPING = {"lossless": True, "quality": 0, "method": 0}

KEPT = ("WEBP", "PNG")
"""What `normalise` and the worker write: every pixel of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may be; beyond `keep_pixels` on its longest side it is reduced."""

    pixels: int
    keep_pixels: int


@dataclass(frozen=True, slots=True)
class PictureFault:
    """Why an upload is not taken: a code, the HTTP status that fits, and a sentence."""

    code: str
    status: int
    detail: str


class DamagedPicture(Exception):
    """A picture in the store is not the file that was written there."""


def open_kept(picture: bytes, kind: Literal["PNG", "JPEG"]) -> Image.Image:
    """A picture that the worker wrote, with its pixels.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    try:
        image = Image.open(BytesIO(picture), formats=(kind,))
        image.load()
    # Pillow raises each of these on broken bytes; what memory lacks is a MemoryError.
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedPicture(str(error)) from error
    return image


def normalise(
    source: Path,
    target: Path,
    limits: Limits,
    *,
    is_mask: bool = False,
    keeps_transparency: bool = False,
) -> PictureFault | None:
    """Reads any accepted picture and writes it as upright 8-bit sRGB pixels without metadata.

    What is transparent becomes white, of a mask black, unless `keeps_transparency`. None where it
    went well.
    """
    upload = source.read_bytes()
    try:
        found = _normalised(upload, limits, is_mask, keeps_transparency)
    except UnidentifiedImageError:
        return PictureFault(
            "picture_unknown", 415, "This is not a picture in JPEG, PNG, WebP or AVIF format."
        )
    except MemoryError:
        return PictureFault(
            "picture_too_large", 413, "This picture takes too much memory to decode."
        )
    # Decoders raise every kind of error on broken bytes, and no file of ours is touched in there.
    except Exception:
        return PictureFault(
            "picture_broken", 422, "This picture is damaged or cut off: it cannot be decoded."
        )
    if isinstance(found, PictureFault):
        return found
    target.write_bytes(found)
    return None


def _normalised(
    upload: bytes, limits: Limits, is_mask: bool, keeps_transparency: bool
) -> bytes | PictureFault:
    encoded = EncodedPicture(upload)
    fault = _fault_of_size(*encoded.size, limits)
    if fault is not None:
        return fault
    picture = encoded.decode()
    del encoded  # and with it the pixels as stored
    if is_mask:
        picture = as_mask(picture)
    elif not keeps_transparency:
        picture = on_white(picture)
    picture = _reduced(picture, limits.keep_pixels)
    if is_mask and not any(picture.histogram()[LIGHTEST_OF_A_MASK:]):
        return PictureFault(
            "mask_empty",
            422,
            "This mask is black or transparent everywhere: it must be white somewhere.",
        )
    out = BytesIO()
    picture.save(out, "WEBP", **_KEEPING)
    return out.getvalue()


def size_of(picture: Path) -> tuple[int, int]:
    """The height and width of a picture that `normalise` or the worker wrote."""
    with Image.open(picture, formats=KEPT) as image:
        return image.height, image.width


def encode(picture: bytes, format: Format) -> bytes:
    """A picture that `normalise` or the worker wrote, in another format; in JPEG, which has no
    transparency, on white.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    out = BytesIO()
    image = open_kept(picture, "PNG")
    shown = on_white(image) if format == "jpeg" else image
    shown.save(out, format.upper(), **_ENCODING[format])
    return out.getvalue()


def encode_file(source: Path, target: Path, format: Format) -> None:
    """Writes a picture that the worker wrote in another format; its file may be a large one."""
    target.write_bytes(encode(source.read_bytes(), format))


def encode_png(picture: Image.Image) -> bytes:
    """A painted picture as the file that is stored: compressed fast rather than tightly."""
    out = BytesIO()
    picture.save(out, "PNG", **_ENCODING["png"])
    return out.getvalue()


def encode_preview(picture: Image.Image) -> bytes:
    """A picture that is still being painted, as a small JPEG file."""
    out = BytesIO()
    _reduced(picture, PREVIEW_PIXELS).save(out, "JPEG", quality=80)
    return out.getvalue()


def preview_to_png(preview: bytes) -> bytes:
    """What `encode_preview` gave, as the file that is stored of a finished picture.

    Raises:
        DamagedPicture: it cannot be decoded.
    """
    return encode_png(open_kept(preview, "JPEG"))


def _fault_of_size(width: int, height: int, limits: Limits) -> PictureFault | None:
    if width * height > limits.pixels:
        megapixels = limits.pixels / 1e6
        return PictureFault(
            "picture_too_large",
            413,
            f"This picture is {width}×{height} pixels; at most {megapixels:.0f} megapixels "
            "are taken.",
        )
    shorter, longer = sorted((width, height))
    if shorter < SHORTEST_SIDE_PIXELS:
        return PictureFault(
            "picture_too_small",
            422,
            f"This picture is {width}×{height} pixels; each side needs at least "
            f"{SHORTEST_SIDE_PIXELS}.",
        )
    if longer > HIGHEST_ASPECT_RATIO * shorter:
        return PictureFault(
            "picture_too_narrow",
            422,
            f"This picture is {width}×{height} pixels; one side may be at most "
            f"{HIGHEST_ASPECT_RATIO} times the other.",
        )
    return None


def _reduced(picture: Image.Image, longest_side: int) -> Image.Image:
    scale = longest_side / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(SHORTEST_SIDE_PIXELS, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
