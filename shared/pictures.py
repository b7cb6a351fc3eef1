"""Bytes from strangers into one plain kind of picture, and pictures into what a client accepts.

Decoding runs in a process of its own (`api.decoder`), so a fault is answered as a value here and
becomes an error there.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

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

_ACCEPTED = ("JPEG", "PNG", "WEBP", "AVIF")
_ENCODING: dict[Format, dict[str, int]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92, "method": 4},
}


# A third of the time that a PNG takes, and two thirds of its size.
_KEEPING = {"lossless": True, "quality": 0, "method": 0}

KEPT = ("WEBP", "PNG")
"""What `normalise` and the worker write: every pixel of it."""


_TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each orientation of EXIF asks for."""


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


def normalise(
    source: Path, target: Path, limits: Limits, *, is_mask: bool = False
) -> PictureFault | None:
    """Reads any accepted picture and writes it as upright 8-bit sRGB pixels without metadata.

    The first frame of an animation; alpha composited on white; a mask in grey. None where it went
    well.
    """
    upload = BytesIO(source.read_bytes())
    try:
        found = _normalised(upload, limits, is_mask=is_mask)
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


def _normalised(upload: BytesIO, limits: Limits, *, is_mask: bool) -> bytes | PictureFault:
    with Image.open(upload, formats=_ACCEPTED) as picture:
        fault = _fault_of_size(picture.width, picture.height, limits)
        if fault is not None:
            return fault
        picture.load()
        plain = _reduced(_in_srgb(_upright(picture)), limits.keep_pixels)
    if is_mask:
        plain = plain.convert("L")
        if not any(plain.histogram()[LIGHTEST_OF_A_MASK:]):
            return PictureFault(
                "mask_empty", 422, "This mask is black everywhere: it must be white somewhere."
            )
    # Pixels alone: a new picture has none of the old one's metadata.
    bare = Image.frombytes(plain.mode, plain.size, plain.tobytes())
    out = BytesIO()
    bare.save(out, "WEBP", **_KEEPING)
    return out.getvalue()


def size_of(picture: Path) -> tuple[int, int]:
    """The height and width of a picture that `normalise` or the worker wrote."""
    with Image.open(picture, formats=KEPT) as image:
        return image.height, image.width


def encode(picture: bytes, wanted: Format) -> bytes:
    """A picture that `normalise` or the worker wrote, in another format."""
    out = BytesIO()
    with Image.open(BytesIO(picture), formats=("PNG",)) as image:
        image.save(out, wanted.upper(), **_ENCODING[wanted])
    return out.getvalue()


def encode_png(picture: Image.Image) -> bytes:
    """A painted picture as the file that is kept: compressed fast rather than tightly."""
    out = BytesIO()
    picture.save(out, "PNG", **_ENCODING["png"])
    return out.getvalue()


def encode_preview(picture: Image.Image) -> bytes:
    """A picture that is still being painted, as a small JPEG file."""
    out = BytesIO()
    _reduced(picture, PREVIEW_PIXELS).save(out, "JPEG", quality=80)
    return out.getvalue()


def preview_to_png(preview: bytes) -> bytes:
    """What `encode_preview` gave, as the file that is kept of a finished picture."""
    with Image.open(BytesIO(preview), formats=("JPEG",)) as picture:
        return encode_png(picture)


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


def _upright(picture: Image.Image) -> Image.Image:
    """As EXIF says. Pillow's own `exif_transpose` also writes the rest of EXIF anew, which hostile
    values make it fail at, and which nobody needs here."""
    turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    return picture if turn is None else picture.transpose(turn)


def _in_srgb(picture: Image.Image) -> Image.Image:
    flat = _on_white(_eight_bit(picture))
    profile = picture.info.get("icc_profile")
    if not profile:
        return flat.convert("RGB")
    try:
        return _converted(flat, profile)
    except (ImageCms.PyCMSError, OSError):
        return flat.convert("RGB")  # a broken profile says nothing about the pixels


def _converted(picture: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    colour_space = source.profile.xcolor_space.strip()
    wanted = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(colour_space)
    if wanted is None:
        return picture.convert("RGB")
    matching = picture if picture.mode == wanted else picture.convert(wanted)
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(matching, source, srgb, outputMode="RGB")
    assert converted is not None
    return converted


def _eight_bit(picture: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits: Pillow's own conversion would clip it to white."""
    if picture.mode.startswith("I;16"):
        return picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.mode == "I":
        return picture.point(lambda value: value / 257).convert("L")
    return picture


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")
    layers = picture.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    return Image.alpha_composite(white, layers).convert("RGB")


def _reduced(picture: Image.Image, longest_side: int) -> Image.Image:
    scale = longest_side / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(SHORTEST_SIDE_PIXELS, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
