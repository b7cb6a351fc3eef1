"""Picture files of every kind that readers have been seen to disagree on, and what is right."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from PIL import Image

from tests import pictures

Colour = tuple[int, int, int, int]

WHITE: Colour = (255, 255, 255, 255)
BLUE: Colour = (0, 0, 255, 255)
CLEAR: Colour = (255, 255, 255, 0)

Carrier = Literal["file", "pillow", "array"]
"""What a picture can be given as: its file, what Pillow opens of it, and the array that numpy makes
of that."""

EVERYTHING: frozenset[Carrier] = frozenset(("file", "pillow", "array"))
NO_ARRAY: frozenset[Carrier] = frozenset(("file", "pillow"))
"""Something beside the samples counts: orientation, profile, palette, ink, a transparent colour; or
Pillow opens it and does not decode it."""

FILE_ALONE: frozenset[Carrier] = frozenset(("file",))
"""Pillow does not open it."""

OPENED: frozenset[Carrier] = frozenset(("pillow", "array"))
"""The file is refused, and taken once Pillow has opened it."""

LOSSY = 2
"""By how much JPEG and AVIF change the colours of a case."""


@dataclass(frozen=True)
class Case:
    """A file of 64×32 pixels, one colour on the left half and another on the right.

    Attributes:
        left: the colour and alpha that the left half is to have; `top` where it is turned.
        tolerance: by how much a sample may differ, of 255.
        carriers: what it can be given as.
    """

    make: Callable[[], bytes]
    left: Colour = WHITE
    right: Colour = BLUE
    is_turned: bool = False
    tolerance: int = 0
    carriers: frozenset[Carrier] = EVERYTHING

    @cached_property
    def data(self) -> bytes:
        """The file."""
        return self.make()

    @property
    def is_a_mask(self) -> bool:
        """Whether it is half white somewhere: as a mask it is refused otherwise."""
        return bool(self.expected_mask().max() >= 128)

    @property
    def is_a_content_map(self) -> bool:
        """Whether it is not black everywhere: as a content map it is refused otherwise."""
        return bool(self.expected_mask().max() > 0)

    def expected(self) -> Image.Image:
        """The picture that is right, in RGBA."""
        picture = pictures.halves(self.left, self.right, "RGBA")
        return picture.transpose(Image.Transpose.ROTATE_270) if self.is_turned else picture

    def expected_colours(self) -> np.ndarray:
        """(H, W, 3), on white."""
        pixels = np.asarray(self.expected(), dtype=float)
        alpha = pixels[:, :, 3:] / 255
        colours: np.ndarray = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
        return colours.round()

    def expected_mask(self) -> np.ndarray:
        """(H, W): how light it is, and black where it is transparent."""
        pixels = np.asarray(self.expected(), dtype=float)
        light: np.ndarray = pixels[:, :, :3] @ (0.299, 0.587, 0.114) * pixels[:, :, 3] / 255
        return light.round()


def assert_shows(found: Image.Image | np.ndarray, case: Case) -> None:
    """These are the colours of the case, on white."""
    _assert_alike(found, case.expected_colours(), case.tolerance)


def assert_masks(found: Image.Image | np.ndarray, case: Case) -> None:
    """This is the light of the case, on black."""
    _assert_alike(found, case.expected_mask(), case.tolerance)


def _assert_alike(found: Image.Image | np.ndarray, expected: np.ndarray, tolerance: int) -> None:
    pixels = np.asarray(found, dtype=float).round()
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= tolerance


_PLAIN = pictures.halves(WHITE[:3], BLUE[:3])
_GREY = pictures.halves((51,), (255,), "L")
_LIGHT, _LINEAR = (124, 124, 124, 255), (51, 51, 51)
"""What 51 of 255 of the light is in sRGB, and that as numbers."""

_ON_NOTHING = pictures.halves(WHITE, (255, 255, 255, 0), "RGBA")
"""White painted on a transparent layer."""

_INK = pictures.halves((255, 0, 0, 0), (0, 0, 0, 255), "CMYK")
_CYAN = (0, 255, 255, 255)

_OTHER = pictures.halves(BLUE[:3], WHITE[:3])
"""A further frame, or a second picture."""


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


def _samples(
    left: bytes, right: bytes, depth: int, kind: int, *before: tuple[bytes, bytes]
) -> bytes:
    """A PNG of packed samples: those of each half of a row."""
    return pictures.png_of_samples([left + right] * 32, depth, kind, *before)


def _animated(kind: str, **options: object) -> bytes:
    return pictures.encoded(
        _PLAIN, kind, save_all=True, append_images=[_OTHER], duration=100, **options
    )


def _two_in_one(**options: object) -> bytes:
    """As a phone writes it: a JPEG with a second one behind."""
    return pictures.encoded(
        _PLAIN,
        "MPO",
        save_all=True,
        append_images=[_OTHER],
        quality=95,
        subsampling=0,
        **options,
    )


def _tiff(left: float, right: float, mode: str) -> bytes:
    picture = Image.new(mode, (64, 32), left)
    picture.paste(right, (32, 0, 64, 32))
    return pictures.encoded(picture, "TIFF")


def _turned_tiff() -> bytes:
    tags = Image.Exif()
    tags[0x0112] = 6
    return pictures.encoded(_PLAIN, "TIFF", exif=tags)


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
    "JPEG": Case(_jpeg, tolerance=LOSSY),
    "PNG": Case(_png),
    "WebP": Case(_webp),
    "AVIF": Case(_avif, tolerance=LOSSY),
    "TIFF": Case(lambda: pictures.encoded(_PLAIN, "TIFF"), carriers=OPENED),
    # Several frames
    "animated PNG": Case(lambda: _animated("PNG")),
    "animated WebP": Case(lambda: _animated("WEBP", lossless=True)),
    "animated WebP whose second frame is cut off": Case(
        lambda: _animated("WEBP", lossless=True)[:-9], carriers=FILE_ALONE
    ),
    "animated AVIF": Case(
        lambda: _animated("AVIF", quality=95, subsampling="4:4:4"), tolerance=LOSSY
    ),
    "animated GIF": Case(lambda: _animated("GIF"), carriers=frozenset(("pillow",))),
    "JPEG with a second picture": Case(_two_in_one, tolerance=LOSSY),
    # Orientation
    "JPEG turned by EXIF": Case(
        lambda: _jpeg(exif=_JPEG_EXIF), is_turned=True, tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "JPEG with an orientation of the wrong type": Case(
        lambda: _jpeg(exif=b"Exif\0\0" + pictures.exif(kind=4)), tolerance=LOSSY
    ),
    "JPEG with two orientations": Case(
        lambda: _jpeg(exif=b"Exif\0\0" + pictures.exif(count=2)), tolerance=LOSSY
    ),
    "JPEG turned by XMP": Case(lambda: _jpeg(xmp=pictures.xmp()), tolerance=LOSSY),
    "JPEG turned by EXIF and otherwise by XMP": Case(
        lambda: _jpeg(exif=_JPEG_EXIF, xmp=pictures.xmp(3)),
        is_turned=True,
        tolerance=LOSSY,
        carriers=NO_ARRAY,
    ),
    "JPEG with a second picture, turned by EXIF": Case(
        lambda: _two_in_one(exif=_JPEG_EXIF), is_turned=True, tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "PNG turned by EXIF": Case(
        lambda: _png_with(b"eXIf", pictures.exif()), is_turned=True, carriers=NO_ARRAY
    ),
    "PNG with EXIF behind its pixels": Case(
        lambda: _png_with(b"eXIf", pictures.exif(), before=b"IEND")
    ),
    "PNG turned by XMP": Case(
        lambda: _png_with(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + pictures.xmp())
    ),
    "WebP turned by EXIF": Case(lambda: _webp(exif=_JPEG_EXIF)),
    "WebP turned by XMP": Case(lambda: _webp(xmp=pictures.xmp())),
    "AVIF turned": Case(
        lambda: _avif(exif=_JPEG_EXIF), is_turned=True, tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "AVIF turned by XMP": Case(lambda: _avif(xmp=pictures.xmp()), tolerance=LOSSY),
    # Pillow itself turns it.
    "TIFF turned": Case(_turned_tiff, is_turned=True, carriers=OPENED),
    # Profiles
    "RGB with its profile": Case(
        lambda: _linear("PNG", pictures.linear_profile()), _LIGHT, WHITE, carriers=NO_ARRAY
    ),
    "JPEG with its profile": Case(
        lambda: _linear("JPEG", pictures.linear_profile()),
        _LIGHT,
        WHITE,
        tolerance=LOSSY,
        carriers=NO_ARRAY,
    ),
    "transparent WebP with its profile": Case(
        lambda: pictures.encoded(
            pictures.halves((*_LINEAR, 255), CLEAR, "RGBA"),
            "WEBP",
            lossless=True,
            icc_profile=pictures.linear_profile(),
        ),
        _LIGHT,
        CLEAR,
        carriers=NO_ARRAY,
    ),
    "palette with its profile": Case(
        lambda: pictures.encoded(
            pictures.halves(_LINEAR, (255, 255, 255)).quantize(2),
            "PNG",
            icc_profile=pictures.linear_profile(),
        ),
        _LIGHT,
        WHITE,
        carriers=NO_ARRAY,
    ),
    "grey with its profile": Case(
        lambda: pictures.encoded(_GREY, "PNG", icc_profile=pictures.grey_profile()),
        _LIGHT,
        WHITE,
        tolerance=1,
        carriers=NO_ARRAY,
    ),
    "grey and transparent with its profile": Case(
        lambda: pictures.encoded(
            pictures.halves((51, 255), (255, 0), "LA"), "PNG", icc_profile=pictures.grey_profile()
        ),
        _LIGHT,
        CLEAR,
        tolerance=1,
        carriers=NO_ARRAY,
    ),
    "16-bit grey with its profile": Case(
        lambda: _sixteen_bit_grey((b"iCCP", b"-\0\0" + zlib.compress(pictures.grey_profile()))),
        (188, 188, 188, 255),
        WHITE,
        carriers=NO_ARRAY,
    ),
    "RGB JPEG with a grey profile": Case(
        lambda: _jpeg(icc_profile=pictures.grey_profile()), tolerance=LOSSY
    ),
    "RGB PNG with a grey profile": Case(lambda: _png(icc_profile=pictures.grey_profile())),
    "RGB WebP with a grey profile": Case(lambda: _webp(icc_profile=pictures.grey_profile())),
    "RGB AVIF with a grey profile": Case(
        lambda: _avif(icc_profile=pictures.grey_profile()), tolerance=LOSSY
    ),
    "RGB with a CMYK profile": Case(
        lambda: _jpeg(icc_profile=pictures.profile_of(b"CMYK")), tolerance=LOSSY
    ),
    "RGB with a Lab profile": Case(lambda: _png(icc_profile=pictures.lab_profile())),
    "RGB with a broken profile": Case(lambda: _png(icc_profile=pictures.linear_profile()[:200])),
    "grey with an RGB profile": Case(
        lambda: pictures.encoded(_GREY, "PNG", icc_profile=pictures.linear_profile()),
        (51, 51, 51, 255),
        WHITE,
    ),
    "CMYK": Case(
        lambda: pictures.encoded(_INK, "JPEG", quality=95),
        left=_CYAN,
        right=(0, 0, 0, 255),
        tolerance=LOSSY,
        carriers=NO_ARRAY,
    ),
    "CMYK with an RGB profile": Case(
        lambda: pictures.encoded(_INK, "JPEG", quality=95, icc_profile=pictures.linear_profile()),
        left=_CYAN,
        right=(0, 0, 0, 255),
        tolerance=LOSSY,
        carriers=NO_ARRAY,
    ),
    # Depth
    "16-bit grey": Case(_sixteen_bit_grey, (128, 128, 128, 255), WHITE),
    "16-bit grey with a transparent colour": Case(
        lambda: _sixteen_bit_grey((b"tRNS", b"\x80\x00")),
        (128, 128, 128, 0),
        WHITE,
        carriers=NO_ARRAY,
    ),
    "16-bit grey with alpha": Case(
        lambda: _samples(b"\x80\0\xff\xff" * 32, b"\xff\xff\0\0" * 32, 16, 4),
        (128, 128, 128, 255),
        CLEAR,
    ),
    "16-bit grey TIFF": Case(
        lambda: _tiff(32768, 65535, "I;16"), (128, 128, 128, 255), WHITE, carriers=OPENED
    ),
    "16-bit grey TIFF, big-endian": Case(
        lambda: _tiff(32768, 65535, "I;16B"), (128, 128, 128, 255), WHITE, carriers=OPENED
    ),
    "32-bit grey TIFF": Case(
        lambda: _tiff(32768, 65535, "I"),
        (128, 128, 128, 255),
        WHITE,
        carriers=frozenset(("pillow",)),
    ),
    "floating point TIFF": Case(
        lambda: _tiff(0.2, 1.0, "F"), (51, 51, 51, 255), WHITE, carriers=OPENED
    ),
    "floating point TIFF of 8 bits": Case(
        lambda: _tiff(51.0, 255.0, "F"),
        (51, 51, 51, 255),
        WHITE,
        carriers=frozenset(("pillow",)),
    ),
    "16-bit RGB": Case(
        lambda: _samples(b"\xff\xff" * 96, b"\0\0\0\0\xff\xff" * 32, 16, 2),
    ),
    "16-bit RGB with a transparent colour": Case(_sixteen_bit_rgb, right=CLEAR, carriers=NO_ARRAY),
    "16-bit RGB with alpha": Case(
        lambda: _samples(b"\xff\xff" * 128, b"\xff\xff\xff\xff\xff\xff\0\0" * 32, 16, 6),
        right=CLEAR,
    ),
    "1-bit grey": Case(lambda: _samples(b"\xff" * 4, b"\0" * 4, 1, 0), right=(0, 0, 0, 255)),
    "1-bit grey with a transparent colour": Case(
        lambda: _samples(b"\xff" * 4, b"\0" * 4, 1, 0, (b"tRNS", b"\0\0")),
        right=(0, 0, 0, 0),
        carriers=NO_ARRAY,
    ),
    "4-bit grey with a transparent colour": Case(
        _four_bit_grey, right=(51, 51, 51, 0), carriers=NO_ARRAY
    ),
    "8-bit RGB with a transparent colour": Case(
        lambda: _samples(
            b"\xff\xff\xff" * 32, b"\xff\xff\xfe" * 32, 8, 2, (b"tRNS", b"\0\xff\0\xff\0\xfe")
        ),
        right=CLEAR,
        carriers=NO_ARRAY,
    ),
    # Of which only the lowest 8 bits count
    "8-bit RGB with a transparent colour of 16 bits": Case(
        lambda: _samples(
            b"\xff\xff\xff" * 32, b"\xff\xff\xfe" * 32, 8, 2, (b"tRNS", b"\xff\xff\xff\xff\xff\xfe")
        ),
        right=CLEAR,
        carriers=NO_ARRAY,
    ),
    # Transparency
    "white on nothing": Case(lambda: pictures.encoded(_ON_NOTHING, "PNG"), right=CLEAR),
    "white on nothing, grey": Case(
        lambda: pictures.encoded(_ON_NOTHING.convert("LA"), "PNG"), right=CLEAR
    ),
    "white on nothing, by a palette": Case(_palette, right=CLEAR, carriers=NO_ARRAY),
    "white on nothing, WebP": Case(
        lambda: pictures.encoded(_ON_NOTHING, "WEBP", lossless=True), right=CLEAR
    ),
    "white on nothing, AVIF": Case(
        lambda: pictures.encoded(_ON_NOTHING, "AVIF", quality=95), right=CLEAR, tolerance=LOSSY
    ),
    "white on nothing, GIF": Case(
        lambda: pictures.encoded(_ON_NOTHING, "GIF"),
        right=CLEAR,
        carriers=frozenset(("pillow",)),
    ),
    "white on nothing, TIFF": Case(
        lambda: pictures.encoded(_ON_NOTHING, "TIFF"), right=CLEAR, carriers=OPENED
    ),
    "half transparent": Case(
        lambda: pictures.encoded(
            pictures.halves((255, 255, 255, 255), (0, 0, 0, 128), "RGBA"), "PNG"
        ),
        right=(0, 0, 0, 128),
    ),
    "transparent everywhere": Case(
        lambda: pictures.encoded(pictures.halves(CLEAR, (0, 0, 255, 0), "RGBA"), "PNG"),
        CLEAR,
        CLEAR,
    ),
    "black everywhere": Case(
        lambda: pictures.encoded(Image.new("RGB", (64, 32)), "PNG"),
        (0, 0, 0, 255),
        (0, 0, 0, 255),
    ),
    # What is not needed
    "PNG with a long text": Case(
        lambda: _png_with(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(_MEGABYTES))),
        carriers=FILE_ALONE,
    ),
    "PNG with long XMP": Case(
        lambda: _png_with(
            b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * _MEGABYTES)
        ),
        carriers=FILE_ALONE,
    ),
    "PNG with a long profile": Case(
        lambda: _linear("PNG", pictures.linear_profile() + bytes(_MEGABYTES)),
        _LIGHT,
        WHITE,
        carriers=FILE_ALONE,
    ),
    "PNG with broken EXIF": Case(lambda: _png_with(b"eXIf", _broken_exif())),
    "PNG without its last chunk": Case(lambda: _png()[:-12]),
    "PNG without its last byte": Case(lambda: _png()[:-1]),
    "PNG with something behind it": Case(lambda: _png() + bytes(9000)),
    "PNG with a text cut off": Case(
        lambda: _png_with(b"tEXt", b"Comment\0" + bytes(900), b"IEND")[:-100], carriers=NO_ARRAY
    ),
    "WebP with broken EXIF": Case(lambda: _webp(exif=_broken_exif(b"Exif\0\0"))),
    "WebP whose EXIF is cut off": Case(
        lambda: _webp(exif=b"Exif\0\0" + bytes(900))[:-100], carriers=FILE_ALONE
    ),
    "WebP without its padding": Case(lambda: _webp()[:-1], carriers=FILE_ALONE),
    "WebP with something behind it": Case(lambda: _webp() + bytes(9000)),
    "JPEG with broken EXIF": Case(lambda: _jpeg(exif=_broken_exif(b"Exif\0\0")), tolerance=LOSSY),
    "AVIF with broken EXIF": Case(_avif_with_broken_exif, tolerance=LOSSY, carriers=FILE_ALONE),
    "AVIF with something behind it": Case(lambda: _avif() + bytes(9000), tolerance=LOSSY),
    "JPEG without its last two bytes": Case(
        lambda: _jpeg()[:-2], tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "JPEG without its last byte": Case(lambda: _jpeg()[:-1], tolerance=LOSSY, carriers=NO_ARRAY),
    "progressive JPEG without its last two bytes": Case(
        lambda: _jpeg(progressive=True)[:-2], tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "JPEG with a long comment": Case(
        lambda: b"\xff\xd8" + 40 * (b"\xff\xfe\xff\xff" + bytes(65533)) + _jpeg()[2:],
        tolerance=LOSSY,
    ),
    "JPEG with a video behind it": Case(
        lambda: _jpeg() + b"\0\0\0\x18ftypmp42" + bytes(9000), tolerance=LOSSY
    ),
    "JPEG with a phone's trailer in the place of its end": Case(
        lambda: _jpeg()[:-2] + b"\0\0\x01\x0aImage_UTC_Data" + b"SEFHSEFT", tolerance=LOSSY
    ),
    "JPEG with a second one in the place of its end": Case(
        lambda: _jpeg()[:-2] + pictures.jpeg(), tolerance=LOSSY, carriers=NO_ARRAY
    ),
    "JPEG with half a second picture": Case(lambda: _two_in_one()[:-200], tolerance=LOSSY),
}
"""Each is tested with every input that takes one of its carriers, in each of the six fields."""

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
