"""Pictures as they are given, into the bytes that are sent; what the service would not take is told
before it travels."""

import os
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from pastiche.client.errors import UnusablePicture


class Readable(Protocol):
    """A file that is open, in binary."""

    def read(self) -> bytes: ...


@runtime_checkable
class PillowPicture(Protocol):
    """What is asked of a picture of Pillow's, which need not be installed."""

    @property
    def mode(self) -> str: ...

    def convert(self, mode: str) -> "PillowPicture": ...

    def save(self, fp: BytesIO, format: str, *, compress_level: int) -> None: ...


Picture: TypeAlias = str | os.PathLike[str] | bytes | Readable | PillowPicture
"""A path, the bytes of a file, an open file, or a picture of Pillow's."""

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


def uploads(
    pictures: Mapping[str, Picture | Sequence[Picture] | None], limit_bytes: int
) -> tuple[tuple[str, bytes], ...]:
    """The files of a form, by the names of their fields.

    Raises:
        UnusablePicture: one cannot be read, or would not be taken.
    """
    return tuple(
        (field, bytes_of(field, picture, limit_bytes))
        for field, given in pictures.items()
        if given is not None
        for picture in (given if isinstance(given, list | tuple) else (given,))
    )


def bytes_of(field: str, picture: Picture, limit_bytes: int) -> bytes:
    """A picture as a file that the service takes.

    Raises:
        UnusablePicture: it cannot be read, or would not be taken.
    """
    if isinstance(picture, str | os.PathLike):
        name, data = str(os.fspath(picture)), _in_file(field, Path(picture), limit_bytes)
    elif isinstance(picture, bytes):
        name, data = f"The {field} image", picture
    elif isinstance(picture, PillowPicture):
        name, data = f"The {field} image", _encoded(picture)
    else:
        name, data = _name_of(picture, field), picture.read()
    fault = fault_of(data, limit_bytes)
    if fault is not None:
        raise UnusablePicture(field, f"{name} {fault}")
    return data


def fault_of(data: bytes, limit_bytes: int) -> str | None:
    """Why a file would not be taken, to end a sentence that begins with its name; None where it
    may be."""
    if not data:
        return "is empty."
    if len(data) > limit_bytes:
        return _too_large(len(data), limit_bytes)
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


def _in_file(field: str, path: Path, limit_bytes: int) -> bytes:
    """The bytes of a file, which is not read where it is far too large."""
    try:
        if path.is_dir():
            raise UnusablePicture(field, f"{path} is a folder, not a picture.")
        size = path.stat().st_size
        if size > limit_bytes:
            raise UnusablePicture(field, f"{path} {_too_large(size, limit_bytes)}")
        return path.read_bytes()
    except FileNotFoundError:
        raise UnusablePicture(field, f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusablePicture(field, f"{path} cannot be read: {reason}.") from error


def _too_large(size_bytes: int, limit_bytes: int) -> str:
    return (
        f"is {size_bytes / 1e6:.1f} MB; {limit_bytes / 1e6:g} MB are taken at most: "
        "save it smaller, or as a JPEG."
    )


def _encoded(picture: PillowPicture) -> bytes:
    """A picture of Pillow's as a PNG file, which keeps every pixel of it."""
    plain = picture if picture.mode in _KEPT_BY_PNG else picture.convert("RGB")
    out = BytesIO()
    plain.save(out, "PNG", compress_level=1)
    return out.getvalue()


_KEPT_BY_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def _name_of(file: object, field: str) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"The {field} image"
