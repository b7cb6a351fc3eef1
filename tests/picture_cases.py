"""Picture files of every kind that readers have been seen to disagree on, and what is right."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests import pictures

Colour = tuple[int, int, int, int]

WHITE: Colour = (255, 255, 255, 255)
BLUE: Colour = (0, 0, 255, 255)
CLEAR: Colour = (0, 0, 0, 0)


@dataclass(frozen=True)
class Case:
    """A file of 64×32 pixels, one colour on the left half and another on the right.

    Attributes:
        left: the colour and alpha that the left half is to have; `top` where it is turned.
        opens_in_pillow: whether Pillow itself opens the file.
    """

    make: Callable[[], bytes]
    left: Colour = WHITE
    right: Colour = BLUE
    is_turned: bool = False
    opens_in_pillow: bool = True

    def expected(self) -> Image.Image:
        """The picture that is right, in RGBA."""
        picture = pictures.halves(self.left, self.right, "RGBA")
        return picture.transpose(Image.Transpose.ROTATE_270) if self.is_turned else picture

    def expected_colours(self) -> np.ndarray:
        """(H, W, 3), on white."""
        pixels = np.asarray(self.expected(), dtype=float)
        alpha = pixels[:, :, 3:] / 255
        return pixels[:, :, :3] * alpha + 255 * (1 - alpha)

    def expected_mask(self) -> np.ndarray:
        """(H, W): how light it is, and black where it is transparent."""
        pixels = np.asarray(self.expected(), dtype=float)
        light: np.ndarray = pixels[:, :, :3] @ (0.299, 0.587, 0.114) * pixels[:, :, 3] / 255
        return light


_PLAIN = pictures.halves(WHITE[:3], BLUE[:3])
_GREY = pictures.halves((51,), (255,), "L")
_LIGHT, _LINEAR = (124, 124, 124, 255), (51, 51, 51)
"""What 51 of 255 of the light is in sRGB, and that as numbers."""

_ON_NOTHING = pictures.halves(WHITE, (255, 255, 255, 0), "RGBA")
"""White painted on a transparent layer."""


def _jpeg(**options: object) -> bytes:
    return pictures.encoded(_PLAIN, "JPEG", quality=95, subsampling=0, **options)


def _png(**options: object) -> bytes:
    return pictures.encoded(_PLAIN, "PNG", **options)


def _png_with(name: bytes, payload: bytes, before: bytes = b"IDAT") -> bytes:
    return pictures.with_png_chunk(_png(), name, payload, before=before)


def _webp(**options: object) -> bytes:
    return pictures.encoded(_PLAIN, "WEBP", lossless=True, **options)


def _avif(**options: object) -> bytes:
    return pictures.encoded(_PLAIN, "AVIF", quality=95, subsampling="4:4:4", **options)


def _linear(kind: str, profile: bytes) -> bytes:
    picture = pictures.halves(_LINEAR, (255, 255, 255))
    options = {"quality": 95} if kind == "JPEG" else {}
    return pictures.encoded(picture, kind, icc_profile=profile, **options)


def _sixteen_bit_grey(*before: tuple[bytes, bytes]) -> bytes:
    return pictures.png_of_samples([b"\x80\x00" * 32 + b"\xff\xff" * 32] * 32, 16, 0, *before)


def _sixteen_bit_rgb() -> bytes:
    """Two colours that differ in their last bits alone, of which one is transparent."""
    row = b"\xff\xff" * 96 + b"\xff\xfe" * 96
    return pictures.png_of_samples([row] * 32, 16, 2, (b"tRNS", b"\xff\xfe" * 3))


def _four_bit_grey() -> bytes:
    return pictures.png_of_samples([b"\xff" * 16 + b"\x33" * 16] * 32, 4, 0, (b"tRNS", b"\0\3"))


def _palette() -> bytes:
    picture = Image.new("P", (64, 32), 0)
    picture.putpalette([255, 255, 255, 255, 255, 255])
    picture.paste(1, (32, 0, 64, 32))
    return pictures.encoded(picture, "PNG", transparency=1)


def _broken_exif(prefix: bytes = b"") -> bytes:
    """A table that says it has 9000 entries, and ends."""
    return prefix + b"MM\0*" + struct.pack(">IH", 8, 9000) + b"\xff" * 40


def _avif_with_broken_exif() -> bytes:
    tags = Image.Exif()
    tags[0x010E] = "a harbour"  # else nothing of it is written
    avif = _avif(exif=tags.tobytes())
    return avif.replace(b"MM\0*", b"\xff" * 4).replace(b"II*\0", b"\xff" * 4)


_JPEG_EXIF = b"Exif\0\0" + pictures.exif()
_MEGABYTES = 3_000_000

CASES: dict[str, Case] = {
    "JPEG": Case(_jpeg),
    "PNG": Case(_png),
    "WebP": Case(_webp),
    "AVIF": Case(_avif),
    # Orientation
    "JPEG turned by EXIF": Case(lambda: _jpeg(exif=_JPEG_EXIF), is_turned=True),
    "JPEG with an orientation of the wrong type": Case(
        lambda: _jpeg(exif=b"Exif\0\0" + pictures.exif(kind=4))
    ),
    "JPEG with two orientations": Case(lambda: _jpeg(exif=b"Exif\0\0" + pictures.exif(count=2))),
    "JPEG turned by XMP": Case(lambda: _jpeg(xmp=pictures.xmp())),
    "PNG turned by EXIF": Case(lambda: _png_with(b"eXIf", pictures.exif()), is_turned=True),
    "PNG with EXIF behind its pixels": Case(
        lambda: _png_with(b"eXIf", pictures.exif(), before=b"IEND")
    ),
    "PNG turned by XMP": Case(
        lambda: _png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + pictures.xmp())
    ),
    "WebP turned by EXIF": Case(lambda: _webp(exif=_JPEG_EXIF)),
    "WebP turned by XMP": Case(lambda: _webp(xmp=pictures.xmp())),
    "AVIF turned": Case(lambda: _avif(exif=_JPEG_EXIF), is_turned=True),
    # Profiles
    "RGB with its profile": Case(lambda: _linear("PNG", pictures.linear_profile()), _LIGHT, WHITE),
    "grey with its profile": Case(
        lambda: pictures.encoded(_GREY, "PNG", icc_profile=pictures.grey_profile()), _LIGHT, WHITE
    ),
    "RGB JPEG with a grey profile": Case(lambda: _jpeg(icc_profile=pictures.grey_profile())),
    "RGB PNG with a grey profile": Case(lambda: _png(icc_profile=pictures.grey_profile())),
    "RGB with a CMYK profile": Case(lambda: _jpeg(icc_profile=pictures.profile_of(b"CMYK"))),
    "grey with an RGB profile": Case(
        lambda: pictures.encoded(_GREY, "PNG", icc_profile=pictures.linear_profile()),
        (51, 51, 51, 255),
        WHITE,
    ),
    "CMYK": Case(
        lambda: pictures.encoded(
            pictures.halves((0, 0, 0, 0), (0, 0, 0, 255), "CMYK"), "JPEG", quality=95
        ),
        right=(0, 0, 0, 255),
    ),
    # Depth
    "16-bit grey": Case(_sixteen_bit_grey, (128, 128, 128, 255), WHITE),
    "16-bit grey with a transparent colour": Case(
        lambda: _sixteen_bit_grey((b"tRNS", b"\x80\x00")), (128, 128, 128, 0), WHITE
    ),
    "16-bit RGB with a transparent colour": Case(_sixteen_bit_rgb, right=(255, 255, 255, 0)),
    "4-bit grey with a transparent colour": Case(_four_bit_grey, right=(51, 51, 51, 0)),
    # Transparency
    "white on nothing": Case(
        lambda: pictures.encoded(_ON_NOTHING, "PNG"), right=(255, 255, 255, 0)
    ),
    "white on nothing, grey": Case(
        lambda: pictures.encoded(_ON_NOTHING.convert("LA"), "PNG"), right=(255, 255, 255, 0)
    ),
    "white on nothing, by a palette": Case(_palette, right=(255, 255, 255, 0)),
    "white on nothing, WebP": Case(
        lambda: pictures.encoded(_ON_NOTHING, "WEBP", lossless=True), right=(255, 255, 255, 0)
    ),
    "half transparent": Case(
        lambda: pictures.encoded(
            pictures.halves((255, 255, 255, 255), (0, 0, 0, 128), "RGBA"), "PNG"
        ),
        right=(0, 0, 0, 128),
    ),
    # What is not needed
    "PNG with a long text": Case(
        lambda: _png_with(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(_MEGABYTES))),
        opens_in_pillow=False,
    ),
    "PNG with long XMP": Case(
        lambda: _png_with(
            b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * _MEGABYTES)
        ),
        opens_in_pillow=False,
    ),
    "PNG with a long profile": Case(
        lambda: _linear("PNG", pictures.linear_profile() + bytes(_MEGABYTES)),
        _LIGHT,
        WHITE,
        opens_in_pillow=False,
    ),
    "PNG with broken EXIF": Case(lambda: _png_with(b"eXIf", _broken_exif())),
    "PNG without its last chunk": Case(lambda: _png()[:-12]),
    "PNG with a text cut off": Case(
        lambda: _png_with(b"tEXt", b"Comment\0" + bytes(900), b"IEND")[:-100]
    ),
    "WebP with broken EXIF": Case(lambda: _webp(exif=_broken_exif(b"Exif\0\0"))),
    "WebP whose EXIF is cut off": Case(
        lambda: _webp(exif=b"Exif\0\0" + bytes(900))[:-100], opens_in_pillow=False
    ),
    "JPEG with broken EXIF": Case(lambda: _jpeg(exif=_broken_exif(b"Exif\0\0"))),
    "AVIF with broken EXIF": Case(_avif_with_broken_exif, opens_in_pillow=False),
    "JPEG without its last two bytes": Case(lambda: _jpeg()[:-2]),
    "JPEG without its last byte": Case(lambda: _jpeg()[:-1]),
    "progressive JPEG without its last two bytes": Case(lambda: _jpeg(progressive=True)[:-2]),
    "JPEG with a video behind it": Case(lambda: _jpeg() + b"\0\0\0\x18ftypmp42" + bytes(9000)),
    "JPEG with a phone's trailer in the place of its end": Case(
        lambda: _jpeg()[:-2] + b"\0\0\x01\x0aImage_UTC_Data" + b"SEFHSEFT"
    ),
    "JPEG with half a second picture": Case(
        lambda: pictures.encoded(
            _PLAIN, "MPO", save_all=True, append_images=[_PLAIN], quality=95, subsampling=0
        )[:-200]
    ),
}

CUT_OFF: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: pictures.jpeg()[:-60],
    "JPEG with an end": lambda: pictures.jpeg()[:400],
    "progressive JPEG": lambda: pictures.encoded(pictures.photograph(), "JPEG", progressive=True)[
        :-60
    ],
    "PNG": lambda: pictures.png()[:-200],
    "WebP": lambda: pictures.encoded(pictures.photograph(), "WEBP")[:-60],
    "AVIF": lambda: pictures.encoded(pictures.photograph(), "AVIF")[:-60],
}
"""Files whose last pixels are missing."""
