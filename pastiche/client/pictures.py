"""Reads the pictures of a submission, and rejects those that the service would not accept before
they are sent."""

from collections.abc import Callable, Mapping

import anyio.to_thread

from pastiche.client.errors import InvalidPicture
from pastiche.picture_sources import (
    Picture,
    Pictures,
    PillowPicture,
    PixelArray,
    UnreadablePicture,
    name_of,
    read_bytes,
)

_ACCEPTED = "JPEG, PNG, WebP and AVIF are accepted"

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
    """Reads the files of a form, each with the name of its field.

    Raises:
        InvalidPicture: a picture cannot be read, or would not be accepted.
    """
    return tuple(
        (field, _read_upload(field, picture, limit_bytes))
        for field, given in pictures.items()
        if given is not None
        for picture in (given if isinstance(given, list | tuple) else (given,))
    )


async def read_uploads_in_thread(
    pictures: Mapping[str, Pictures | None], limit_bytes: int
) -> tuple[tuple[str, bytes], ...]:
    """Calls `read_uploads` without blocking the event loop."""
    return await anyio.to_thread.run_sync(read_uploads, pictures, limit_bytes)


def _read_upload(field: str, picture: Picture, limit_bytes: int) -> bytes:
    """Reads one picture as a file that the service accepts.

    Raises:
        InvalidPicture: the picture cannot be read, or would not be accepted.
    """
    name = f"The {field} image"
    try:
        if isinstance(picture, PillowPicture | PixelArray):
            picture = _encode(picture, name)
        data = read_bytes(picture, name, limit_bytes)
    except UnreadablePicture as error:
        raise InvalidPicture(field, str(error)) from error
    fault = _find_fault(data)
    if fault is not None:
        raise InvalidPicture(field, f"{name_of(picture, name)} {fault}")
    return data


def _find_fault(data: bytes) -> str | None:
    """Why a file would not be accepted, to follow its name in a sentence; None if it may be."""
    kind = _detect_kind(data)
    if kind in ("JPEG", "PNG", "WebP", "AVIF"):
        return None
    if kind is None:
        return f"is not a picture in a known format; {_ACCEPTED}."
    return f"is {kind}; {_ACCEPTED}: {_ADVICE[kind]}."


def _detect_kind(data: bytes) -> str | None:
    """The format of a file, by its first bytes and never by its name; None if it is unknown."""
    return next((kind for kind, is_it in _KINDS.items() if is_it(data)), None)


def _brands(data: bytes) -> set[bytes]:
    """The brands of a file of the MP4 family (ISO/IEC 14496-12, section 4.3)."""
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


def _encode(picture: PillowPicture | PixelArray, name: str) -> bytes:
    """Encodes a Pillow image or an array as a PNG file with the same pixels."""
    try:
        from pastiche.pictures import encode_png
    except ImportError as error:
        sentence = f"{name} is an array: install Pillow to send it, or send a file."
        raise UnreadablePicture(sentence) from error
    return encode_png(picture, name)
