"""The reader of pictures: every picture becomes upright sRGB pixels with 8 bits per channel.

The service, the client, the command line and the library all use it. docs/picture-files.md has a
table of what it does. It needs only Pillow.
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
"""Two different paddings for a JPEG that may be cut off. One begins with a 0 bit, one with a 1
bit."""


def read_picture(source: AnySource, name: str = "The picture") -> Image.Image:
    """Reads a picture, upright, in sRGB and 8 bits per channel: RGB, or RGBA if it is transparent.

    Args:
        name: its name in messages.

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
    """A picture file whose header is read, but not its pixels, so that its size can be checked.

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
        """The first frame as `read_picture` returns it. Decoders raise all kinds of errors on
        broken bytes."""
        self._load()
        image, profile = self._image, self._file.profile or self._image.info.get("icc_profile")
        orientation = self._file.orientation
        if orientation is None:
            orientation = _orientation_in(image)
        alpha = self._alpha_of_colour() if self._file.transparent_colour else _alpha_of(image)
        image.info = {}
        return _convert(image, alpha, profile, orientation)

    def _open(self, ending: bytes = b"") -> ImageFile.ImageFile:
        opened = Image.open(BytesIO(self._file.data + ending), formats=FORMATS)
        assert isinstance(opened, ImageFile.ImageFile)
        return opened

    def _load(self) -> None:
        """Loads the pixels. A file without an end marker is accepted if bytes appended to it make
        no difference, because then no pixel is missing."""
        if self._file.is_complete:
            self._image.load()
            return
        self._image = self._open(b"\xff\xd9")
        digest = sha256(self._image.tobytes()).digest()
        padded = (self._open(padding + b"\xff\xd9") for padding in _SCAN_PADDINGS)
        if any(sha256(each.tobytes()).digest() != digest for each in padded):
            raise OSError("The file is cut off: pixels are missing.")

    def _alpha_of_colour(self) -> Image.Image:
        """The alpha channel of a PNG with one transparent colour, compared at full depth."""
        colour, depth = self._file.transparent_colour, self._file.depth
        assert colour is not None
        if depth == 16 and self._image.mode == "RGB":
            high = _alpha_of_key(self._image, tuple(sample >> 8 for sample in colour))
            # The decoder keeps the high byte of each sample, or the low one if it reads the
            # samples as little-endian.
            low_bytes = self._open()
            low_bytes.tile = [each._replace(args="RGB;16L") for each in low_bytes.tile]
            low = _alpha_of_key(low_bytes, tuple(sample & 255 for sample in colour))
            return ImageChops.lighter(high, low)
        if depth < 8:
            colour = tuple(sample * 255 // (2**depth - 1) for sample in colour)
        return _alpha_of_key(self._image, colour)


def _upright_srgb(picture: Image.Image, name: str) -> Image.Image:
    """A Pillow picture as `read_picture` returns it. The original is not changed."""
    if 0 in picture.size:
        width, height = picture.size
        raise UnreadablePicture(f"{name} has no pixels: it is {width}×{height}.")
    try:
        stored = _open_stored_file(picture)
        if stored is not None:
            return stored.decode()
        orientation = _orientation_in(picture)
        copy = picture.copy()
        alpha = _alpha_of(copy)
        profile = copy.info.get("icc_profile")
        copy.info = {}
        return _convert(copy, alpha, profile, orientation)
    except MemoryError:
        raise
    except Exception as error:
        sentence = f"{name}, of mode {picture.mode}, cannot be read: {error}."
        raise UnreadablePicture(sentence) from error


def encode_png(picture: object, name: str = "The picture") -> bytes:
    """Encodes a Pillow picture or an array as a PNG that `read_picture` reads as the same picture.

    Raises:
        UnreadablePicture: it cannot be read; the message is a sentence that says why.
    """
    if not isinstance(picture, Image.Image | PixelArray):
        raise UnreadablePicture(f"{name} is neither a Pillow picture nor an array.")
    out = BytesIO()
    read_picture(picture, name).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _open_stored_file(picture: Image.Image) -> EncodedPicture | None:
    """The file of a picture that Pillow has opened but not decoded yet, because the file has more
    information than Pillow keeps. None if it is decoded, or has another format."""
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
    """The lightness of an RGB or RGBA picture, in grey. Transparent pixels are black, so they are
    not painted."""
    if picture.mode != "RGBA":
        return picture.convert("L")
    return ImageChops.multiply(picture.convert("RGB").convert("L"), picture.getchannel("A"))


def apply_transparency(picture: Image.Image, content: Image.Image) -> Image.Image:
    """The painted picture with the transparency of its content image, from `read_picture`."""
    if content.mode != "RGBA":
        return picture
    alpha = content.getchannel("A").resize(picture.size, Image.Resampling.BICUBIC)
    transparent = picture.convert("RGB")
    transparent.putalpha(alpha)
    return transparent


def _convert(
    image: Image.Image, alpha: Image.Image | None, profile: bytes | None, orientation: int
) -> Image.Image:
    """The image upright, in sRGB and 8 bits. Its metadata must be removed already."""
    plain = _convert_to_srgb(_eight_bit(image), profile)
    if alpha is not None and alpha.getextrema() != (255, 255):
        plain.putalpha(alpha)
    turn = _TURNS.get(orientation)
    return plain if turn is None else plain.transpose(turn)


def _orientation_in(picture: Image.Image) -> int:
    """The orientation in the EXIF of a Pillow picture. For AVIF, Pillow puts the orientation of the
    file there. Browsers do not turn a WebP, and ignore XMP. Pillow turns a TIFF itself."""
    exif = picture.info.get("exif")
    # A copy, such as a resized one, has no format. A WebP is recognised by other keys that only it
    # has.
    is_webp = picture.format == "WEBP" or picture.info.keys() >= {"loop", "background"}
    if is_webp or picture.format == "TIFF" or not isinstance(exif, bytes):
        return 1
    return exif_orientation(exif.removeprefix(b"Exif\0\0"))


def _alpha_of(image: Image.Image) -> Image.Image | None:
    """The opacity of each pixel, in grey. None if all are opaque."""
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
    if image.mode == "RGB" and max(colour) > 255:  # has 16 bits, of which Pillow has read 8
        colour = tuple(sample >> 8 for sample in colour)
    return _alpha_of_key(image, colour)


def _alpha_of_key(image: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    """An alpha channel that is 0 where the image has this colour."""
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
    """The colours as RGB, L or CMYK, without alpha. 16-bit grey is scaled, because Pillow's
    conversion would clip it to white."""
    if image.mode in ("RGB", "L", "CMYK"):
        return image
    if image.mode == "I":  # 32-bit integers: only the largest value tells where white is
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
    """Grey, from floating point numbers. White may be at 1, at 255 or at 65535, and the largest
    number tells which. Values that resampling put beyond white are clipped."""
    largest = image.getextrema()[1]
    if not isinstance(largest, float) or not isfinite(largest):
        raise ValueError("some of its numbers are not finite")
    white = next(each for each in (1.0, 255.0, inf) if largest < 2 * each)
    scale = 255 / min(white, 65535)
    return image.point(lambda value: value * scale + 0.5).convert("L")


def _convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts an image to sRGB. A profile that is broken, or for another number of channels, is
    ignored."""
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
