"""Pictures of every kind, damaged: bits flipped, cut off, spliced, pieces repeated or gone."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from random import Random

from PIL import Image

from tests import pictures

Damage = Callable[[bytes, Random], bytes]

_EXIF = Image.Exif()
_EXIF[0x0112] = 6  # Orientation
_EXIF[0x010E] = "a harbour, painted"


@cache
def originals() -> tuple[bytes, ...]:
    """Valid pictures in every format that is accepted, and in some similar ones that are not."""
    photograph = pictures.photograph(48, 32)
    profile = pictures.linear_profile()
    grey, cmyk, see_through = (photograph.convert(mode) for mode in ("L", "CMYK", "RGBA"))
    return (
        *(pictures.encoded(photograph, kind) for kind in _KINDS),
        pictures.encoded(photograph, "JPEG", icc_profile=profile, exif=_EXIF, comment=b"a harbour"),
        pictures.encoded(photograph, "PNG", icc_profile=profile, exif=_EXIF),
        pictures.encoded(photograph, "WEBP", icc_profile=profile, exif=_EXIF),
        pictures.encoded(photograph, "AVIF", icc_profile=profile, exif=_EXIF),
        pictures.encoded(photograph, "JPEG", progressive=True),
        pictures.encoded(photograph, "MPO", save_all=True, append_images=[photograph]),
        pictures.encoded(cmyk, "JPEG", icc_profile=profile),
        pictures.encoded(grey, "JPEG", icc_profile=profile),
        pictures.encoded(see_through, "WEBP", lossless=True),
        pictures.encoded(see_through, "AVIF"),
        pictures.sixteen_bit_grey(),
        pictures.palette_with_transparency(),
        *(pictures.animation(kind) for kind in ("PNG", "WEBP", "AVIF", "GIF")),
    )


def mutants(seed: int) -> Iterator[bytes]:
    """An endless series of damaged pictures, none of them empty; the same for the same seed."""
    valid = originals()
    for number in count():
        random = Random(f"{seed}-{number}")
        picture = damaged(random.choice(valid), random)
        if picture:
            yield picture


def damaged(data: bytes, random: Random) -> bytes:
    """The same bytes with one to three kinds of damage."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        damage = random.choice(_DAMAGES)
        data = damage(data, random)
    return data


_KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")

_TELLING_NUMBERS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0", 2 * b"\xff", 4 * b"\xff")
"""What lengths and counts overflow at."""


def _flipped(picture: bytes, random: Random) -> bytes:
    damaged = bytearray(picture)
    for _ in range(random.choice((1, 2, 8, 64)) if damaged else 0):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _flipped_at_the_head(picture: bytes, random: Random) -> bytes:
    """With changes at the beginning, where a file has its type, its size and its layout."""
    return _flipped(picture[:256], random) + picture[256:]


def _overwritten(picture: bytes, random: Random) -> bytes:
    number = random.choice(_TELLING_NUMBERS)
    at = random.randrange(len(picture) + 1)
    return picture[:at] + number + picture[at + len(number) :]


def _cut_off(picture: bytes, random: Random) -> bytes:
    return picture[: random.randrange(len(picture) + 1)]


def _spliced(picture: bytes, random: Random) -> bytes:
    other = random.choice(originals())
    return picture[: random.randrange(len(picture) + 1)] + other[random.randrange(len(other)) :]


def _piece(picture: bytes, random: Random) -> tuple[int, int]:
    first, last = sorted(random.randrange(len(picture) + 1) for _ in range(2))
    return first, last


def _repeated(picture: bytes, random: Random) -> bytes:
    first, last = _piece(picture, random)
    return picture[:last] + picture[first:last] * random.choice((1, 2, 16)) + picture[last:]


def _without_a_piece(picture: bytes, random: Random) -> bytes:
    first, last = _piece(picture, random)
    return picture[:first] + picture[last:]


def _moved(picture: bytes, random: Random) -> bytes:
    first, last = _piece(picture, random)
    rest = picture[:first] + picture[last:]
    at = random.randrange(len(rest) + 1)
    return rest[:at] + picture[first:last] + rest[at:]


_DAMAGES: tuple[Damage, ...] = (
    _flipped,
    _flipped_at_the_head,
    _flipped_at_the_head,
    _overwritten,
    _cut_off,
    _spliced,
    _repeated,
    _without_a_piece,
    _moved,
)
