"""The one reader of pictures: whatever is given becomes upright sRGB pixels, 8 bits a channel.

Used by the service, the client, the command line and the library; docs/picture-files.md has the
table of what it does. Needs Pillow alone.
"""

from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from math import inf, isfinite
from typing import TypeAlias

from PIL import Image, ImageChops, ImageCms, ImageFile, UnidentifiedImageError

from pastiche.picture_metadata import exif_orientation, parse
from pastiche.picture_sources import (
    PixelArray,
    Source,
    UnreadablePicture,
    pixels_of,
    read_bytes,
)

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
"""Pillow's names of the formats that are read."""

AnySource: TypeAlias = Source | Image.Image | PixelArray
"""A path, the bytes of a file, an open file, a Pillow picture, or an array."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture of each orientation is turned upright."""

_PROFILED_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The mode of the pixels that a profile of each colour space describes."""

_SIXTEEN_TO_EIGHT_BITS = [round(value / 257) for value in range(65536)]

_SCAN_PADDINGS = (b"\x55" * 64, b"\xaa" * 64)
"""What is read in place of the bits that a JPEG lacks, where nothing is read as zeros: one begins
with a bit of each kind."""


def read_picture(source: AnySource, name: str = "The picture") -> Image.Image:
    """A picture, upright, in sRGB and 8 bits a channel: RGB, or RGBA where it is transparent.

    Args:
        name: what it is called in messages.

    Raises:
        UnreadablePicture: it cannot be read; the message is a sentence that says why.
    """
    if isinstance(source, Image.Image):
        return _upright_srgb(source, name)
    if isinstance(source, PixelArray):
        return _upright_srgb(Image.fromarray(pixels_of(source, name)), name)
    data = read_bytes(source, name)
    try:
        return EncodedPicture(data).decode()
    except MemoryError:
        raise
    except UnidentifiedImageError:
        sentence = f"{name} is not in JPEG, PNG, WebP or AVIF format."
        raise UnreadablePicture(sentence) from None
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(f"{name} is too large: {error}") from error
    # Decoders raise every kind of error on broken bytes.
    except Exception as error:
        sentence = f"{name} is damaged or cut off: it cannot be decoded."
        raise UnreadablePicture(sentence) from error


class EncodedPicture:
    """A picture file whose header is read and whose pixels are not: its size can be checked first.

    Raises:
        UnidentifiedImageError: its format is not among `FORMATS`.
    """

    def __init__(self, data: bytes) -> None:
        self._file = parse(data)
        self._image = self._open()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self._image.size

    def decode(self) -> Image.Image:
        """The first frame as `read_picture` gives it. Decoders raise every kind of error on broken
        bytes."""
        self._load()
        image, profile = self._image, self._file.profile or self._image.info.get("icc_profile")
        orientation = self._file.orientation
        if orientation is None:
            orientation = _orientation_in(image)
        alpha = self._alpha_of_colour() if self._file.transparent_colour else _alpha_of(image)
        image.info = {}
        return _plain(image, alpha, profile, orientation)

    def _open(self, ending: bytes = b"") -> ImageFile.ImageFile:
        opened = Image.open(BytesIO(self._file.data + ending), formats=FORMATS)
        assert isinstance(opened, ImageFile.ImageFile)
        return opened

    def _load(self) -> None:
        """The pixels. A file without an end is taken if other bytes in the place of its end make no
        difference: then all pixels are there."""
        if self._file.is_complete:
            self._image.load()
            return
        self._image = self._open(b"\xff\xd9")
        digest = sha256(self._image.tobytes()).digest()
        padded = (self._open(padding + b"\xff\xd9") for padding in _SCAN_PADDINGS)
        if any(sha256(each.tobytes()).digest() != digest for each in padded):
            raise OSError("The file is cut off: pixels are missing.")

    def _alpha_of_colour(self) -> Image.Image:
        """The alpha of a PNG with one transparent colour, which is compared at full depth."""
        colour, depth = self._file.transparent_colour, self._file.depth
        assert colour is not None
        if depth == 16 and self._image.mode == "RGB":
            high = _alpha_of_key(self._image, tuple(sample >> 8 for sample in colour))
            # The decoder keeps the high byte of each sample; read as little-endian, the low one.
            again = self._open()
            again.tile = [each._replace(args="RGB;16L") for each in again.tile]
            low = _alpha_of_key(again, tuple(sample & 255 for sample in colour))
            return ImageChops.lighter(high, low)
        if depth < 8:
            colour = tuple(sample * 255 // (2**depth - 1) for sample in colour)
        return _alpha_of_key(self._image, colour)


def _upright_srgb(picture: Image.Image, name: str) -> Image.Image:
    """A Pillow picture as `read_picture` gives it. The picture itself stays as it is."""
    if 0 in picture.size:
        width, height = picture.size
        raise UnreadablePicture(f"{name} has no pixels: it is {width}×{height}.")
    try:
        stored = _stored(picture)
        if stored is not None:
            return stored.decode()
        orientation = _orientation_in(picture)
        copy = picture.copy()
        alpha = _alpha_of(copy)
        profile = copy.info.get("icc_profile")
        copy.info = {}
        return _plain(copy, alpha, profile, orientation)
    except MemoryError:
        raise
    except Exception as error:
        sentence = f"{name}, of mode {picture.mode}, cannot be read: {error}."
        raise UnreadablePicture(sentence) from error


def encode_png(picture: object, name: str = "The picture") -> bytes:
    """A Pillow picture or an array as a PNG file that `read_picture` reads as the picture itself.

    Raises:
        UnreadablePicture: it cannot be read; the message is a sentence that says why.
    """
    if not isinstance(picture, Image.Image | PixelArray):
        raise UnreadablePicture(f"{name} is neither a Pillow picture nor an array.")
    out = BytesIO()
    read_picture(picture, name).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _stored(picture: Image.Image) -> EncodedPicture | None:
    """The file of a picture that Pillow has opened and not decoded yet: it says more than Pillow
    keeps. None where it is decoded, or no file of ours."""
    file = getattr(picture, "fp", None)
    if not getattr(picture, "tile", None) or file is None or picture.tell() != 0:
        return None
    if picture.format not in (*FORMATS, "MPO"):
        return None
    position = file.tell()
    file.seek(0)
    stored = EncodedPicture(file.read())
    file.seek(position)
    return stored if stored.size == picture.size else None


def on_white(picture: Image.Image) -> Image.Image:
    """An RGB or RGBA picture as RGB, with white behind what is transparent."""
    if picture.mode != "RGBA":
        return picture
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return flat


def as_mask(picture: Image.Image) -> Image.Image:
    """How light an RGB or RGBA picture is, in grey; what is transparent is black: not painted."""
    if picture.mode != "RGBA":
        return picture.convert("L")
    return ImageChops.multiply(picture.convert("RGB").convert("L"), picture.getchannel("A"))


def apply_transparency(picture: Image.Image, content: Image.Image) -> Image.Image:
    """A painted picture that is as transparent as its content image, which `read_picture` gave."""
    if content.mode != "RGBA":
        return picture
    alpha = content.getchannel("A").resize(picture.size, Image.Resampling.BICUBIC)
    transparent = picture.convert("RGB")
    transparent.putalpha(alpha)
    return transparent


def _plain(
    image: Image.Image, alpha: Image.Image | None, profile: bytes | None, orientation: int
) -> Image.Image:
    """Upright, in sRGB and 8 bits; the image has no metadata left."""
    plain = _in_srgb(_eight_bit(image), profile)
    if alpha is not None and alpha.getextrema() != (255, 255):
        plain.putalpha(alpha)
    turn = _TURNS.get(orientation)
    return plain if turn is None else plain.transpose(turn)


def _orientation_in(picture: Image.Image) -> int:
    """What the EXIF of a picture of Pillow's says, which for AVIF has the file's own orientation.
    Browsers turn no WebP, and nothing by its XMP; Pillow turns a TIFF itself."""
    exif = picture.info.get("exif")
    # A copy, as a smaller one, has no format: what only a WebP has beside EXIF tells one.
    is_webp = picture.format == "WEBP" or picture.info.keys() >= {"loop", "background"}
    if is_webp or picture.format == "TIFF" or not isinstance(exif, bytes):
        return 1
    return exif_orientation(exif.removeprefix(b"Exif\0\0"))


def _alpha_of(image: Image.Image) -> Image.Image | None:
    """How opaque each pixel is, in grey; None where all are."""
    if not image.has_transparency_data:
        return None
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa"):
        return image.convert("LA" if image.mode == "La" else "RGBA").getchannel("A")
    key = image.info.get("transparency")
    colour = key if isinstance(key, tuple) else (key,)
    if image.mode not in ("1", "L", "I", "I;16", "RGB") or not all(
        isinstance(c, int) for c in colour
    ):
        return None
    if image.mode == "RGB" and max(colour) > 255:  # of 16 bits, of which Pillow has read 8
        colour = tuple(sample >> 8 for sample in colour)
    return _alpha_of_key(image, colour)


def _alpha_of_key(image: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    """An alpha that is 0 where the image has this colour."""
    if image.mode.startswith("I"):
        table = [0 if value == colour[0] else 255 for value in range(65536)]
        return image.convert("I").point(table, "L")
    alpha = None
    channels = image.convert("L").split() if image.mode == "1" else image.split()
    for channel, sample in zip(channels, colour, strict=False):
        differs = channel.point([0 if value == sample else 255 for value in range(256)])
        alpha = differs if alpha is None else ImageChops.lighter(alpha, differs)
    assert alpha is not None
    return alpha


def _eight_bit(image: Image.Image) -> Image.Image:
    """The colours as RGB, L or CMYK, without alpha. 16-bit grey is scaled: Pillow's own conversion
    would clip it to white."""
    if image.mode in ("RGB", "L", "CMYK"):
        return image
    if image.mode == "I":  # 32-bit integers: only the largest says where white is
        largest = image.getextrema()[1]
        if isinstance(largest, int) and largest <= 255:
            return image.convert("L")
    if image.mode.startswith("I"):
        return image.convert("I").point(_SIXTEEN_TO_EIGHT_BITS, "L")
    if image.mode == "F":
        return _eight_bit_of_floats(image)
    if image.mode in ("1", "LA", "La"):
        return image.convert("LA").convert("L") if image.mode == "La" else image.convert("L")
    return image.convert("RGBA" if image.mode in ("P", "PA", "RGBa") else "RGB").convert("RGB")


def _eight_bit_of_floats(image: Image.Image) -> Image.Image:
    """Grey, from floating point numbers of which nothing says where white is: at 1, at 255 or at
    65535, of which the largest number tells one. What resampling put beyond is clipped."""
    largest = image.getextrema()[1]
    if not isinstance(largest, float) or not isfinite(largest):
        raise ValueError("some of its numbers are not finite")
    white = next(each for each in (1.0, 255.0, inf) if largest < 2 * each)
    scale = 255 / min(white, 65535)
    return image.point(lambda value: value * scale + 0.5).convert("L")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In sRGB. A profile that is broken, or for another number of channels, says nothing about the
    pixels and is ignored."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            if _PROFILED_MODES.get(source.profile.xcolor_space.strip()) == image.mode:
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
                assert converted is not None
                converted.info = {}
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")
