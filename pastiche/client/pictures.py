"""Pictures as they are given, into the bytes that are sent; what the service would not take is told
before it travels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import anyio.to_thread

from pastiche.client.errors import InvalidPicture
from pastiche.picture_sources import (
    PixelArray,
    Source,
    UnreadablePicture,
    name_of,
    read_bytes,
)


@runtime_checkable
class PillowPicture(Protocol):
    """What tells a picture of Pillow's, which need not be installed."""

    @property
    def mode(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def getbands(self) -> tuple[str, ...]: ...


Picture: TypeAlias = Source | PillowPicture | PixelArray
"""A path, the bytes of a file, an open file, a picture of Pillow's, a numpy array or a tensor."""

Pictures: TypeAlias = Picture | Sequence[Picture]
"""A picture, or a list of them."""

TAKEN = "JPEG, PNG, WebP and AVIF are taken"

_ADVICE = {
    "a PDF": "save the page as a PNG",
    "an HEIC picture": "save it as a JPEG",
    "a GIF": "save it as a PNG",
    "a TIFF or a camera's raw file": "save it as a JPEG or PNG",
    "a BMP": "save it as a PNG",
    "an SVG drawing": "save it as a PNG",
    "a Photoshop file": "save it as a PNG",
    "a video": "save one of its frames as a PNG",
}


def read_uploads(
    pictures: Mapping[str, Pictures | None], limit_bytes: int
) -> tuple[tuple[str, bytes], ...]:
    """The files of a form, by the names of their fields.

    Raises:
        InvalidPicture: one cannot be read, or would not be taken.
    """
    return tuple(
        (field, bytes_of(field, picture, limit_bytes))
        for field, given in pictures.items()
        if given is not None
        for picture in (given if isinstance(given, list | tuple) else (given,))
    )


async def read_uploads_in_thread(
    pictures: Mapping[str, Pictures | None], limit_bytes: int
) -> tuple[tuple[str, bytes], ...]:
    """Calls `read_uploads` without blocking the event loop."""
    return await anyio.to_thread.run_sync(read_uploads, pictures, limit_bytes)


def bytes_of(field: str, picture: Picture, limit_bytes: int) -> bytes:
    """A picture as a file that the service takes.

    Raises:
        InvalidPicture: it cannot be read, or would not be taken.
    """
    name = f"The {field} image"
    try:
        if isinstance(picture, PillowPicture | PixelArray):
            picture = _encoded(picture, name)
        data = read_bytes(picture, name, limit_bytes)
    except UnreadablePicture as error:
        raise InvalidPicture(field, str(error)) from error
    fault = fault_of(data)
    if fault is not None:
        raise InvalidPicture(field, f"{name_of(picture, name)} {fault}")
    return data


def fault_of(data: bytes) -> str | None:
    """Why a file would not be taken, to end a sentence that begins with its name; None where it
    may be."""
    kind = kind_of(data)
    if kind in ("JPEG", "PNG", "WebP", "AVIF"):
        return None
    if kind is None:
        return f"is no picture that can be told by what is in it; {TAKEN}."
    return f"is {kind}; {TAKEN}: {_ADVICE[kind]}."


def kind_of(data: bytes) -> str | None:
    """What a file is, by its first bytes and never by its name; None where nobody can tell."""
    return next((kind for kind, is_it in _KINDS.items() if is_it(data)), None)


def _brands(data: bytes) -> set[bytes]:
    """What a file of the MP4 family says that it is (ISO/IEC 14496-12, section 4.3)."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[at : at + 4] for at in range(8, end, 4)}


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(beginnings)


_KINDS: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _begins(b"\xff\xd8\xff"),
    "PNG": _begins(b"\x89PNG\r\n\x1a\n"),
    "WebP": lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    "AVIF": lambda data: bool(_brands(data) & {b"avif", b"avis"}),
    "an HEIC picture": lambda data: bool(
        _brands(data) & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}
    ),
    "a video": lambda data: bool(_brands(data)) or data[:4] == b"\x1aE\xdf\xa3",
    "a PDF": _begins(b"%PDF"),
    "a GIF": _begins(b"GIF87a", b"GIF89a"),
    "a TIFF or a camera's raw file": _begins(b"II*\0", b"MM\0*"),
    "a BMP": _begins(b"BM"),
    "a Photoshop file": _begins(b"8BPS"),
    "an SVG drawing": lambda data: b"<svg" in data[:1000],
}


def _encoded(picture: PillowPicture | PixelArray, name: str) -> bytes:
    """A picture of Pillow's, or an array, as a PNG file that is read as the picture itself."""
    try:
        from pastiche.pictures import encode_png
    except ImportError as error:
        sentence = f"{name} is an array: Pillow is needed to send it. Install it, or send a file."
        raise UnreadablePicture(sentence) from error
    return encode_png(picture, name)
