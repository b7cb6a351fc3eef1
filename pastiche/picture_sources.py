"""The sources of pictures: paths, bytes, open files, arrays and tensors.

This module needs only Python, because it calls only the methods of an array."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOBase, UnsupportedOperation
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable


class UnreadablePicture(ValueError):
    """What was given is not a picture that can be read; the message is a sentence that says why."""


class Readable(Protocol):
    """A file that is open, in binary."""

    def read(self) -> bytes: ...


@runtime_checkable
class PixelArray(Protocol):
    """A numpy array or a torch tensor, recognised without importing either package."""

    @property
    def shape(self) -> Any: ...

    @property
    def dtype(self) -> Any: ...

    def __array__(self) -> Any: ...


Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable
"""A path, the bytes of a file, or an open file."""


@runtime_checkable
class PillowPicture(Protocol):
    """A Pillow image: recognised without Pillow, which need not be installed."""

    @property
    def mode(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def getbands(self) -> tuple[str, ...]: ...


Picture: TypeAlias = Source | PillowPicture | PixelArray
"""A path, the bytes of a file, an open file, a Pillow image, a numpy array or a tensor."""

Pictures: TypeAlias = Picture | Sequence[Picture]
"""A picture, or a list of them."""


def read_bytes(source: Source, name: str, limit_bytes: int | None = None) -> bytes:
    """The bytes of a picture file.

    Args:
        name: its name in messages if it has no path.
        limit_bytes: how large it may be.

    Raises:
        UnreadablePicture: it does not exist, is empty, is too large, or is not a file.
    """
    if isinstance(source, str) and source[:8].lower().startswith(("https://", "http://")):
        sentence = f"{source} is a URL: download it, or paint with a service, which fetches it."
        raise UnreadablePicture(sentence)
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        return _check_length(_read(path, limit_bytes), str(path), limit_bytes)
    if isinstance(source, bytes | bytearray | memoryview):
        return _check_length(bytes(source), name, limit_bytes)
    return _check_length(_read_open_file(source, name), name_of(source, name), limit_bytes)


def name_of(source: object, otherwise: str) -> str:
    """The name of a source in messages."""
    if isinstance(source, str | os.PathLike):
        return str(Path(os.fsdecode(source)))
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else otherwise


def _read(path: Path, limit_bytes: int | None) -> bytes:
    """The bytes of a file. A file that is too large is not read."""
    try:
        if path.is_dir():
            raise UnreadablePicture(f"{path} is a folder, not a picture.")
        size = path.stat().st_size
        if limit_bytes is not None and size > limit_bytes:
            raise UnreadablePicture(f"{path} {_describe_size(size, limit_bytes)}")
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadablePicture(f"There is no file {path}.") from None
    except UnreadablePicture:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadablePicture(f"{path} cannot be read: {reason}.") from error


def _read_open_file(file: Readable, name: str) -> bytes:
    """Reads all of an open file, from its beginning: it may just have been written or read. Reads
    the rest of a pipe."""
    read: Callable[[], object] | None = getattr(file, "read", None)
    seek: Callable[[int], object] | None = getattr(file, "seek", None)
    if not callable(read):
        kind = type(file).__name__
        raise UnreadablePicture(
            f"{name} is of the type {kind}: it must be a path, bytes, a file open in binary, a "
            "Pillow picture or an array."
        )
    if isinstance(file, TextIOBase) and not file.closed:
        raise _open_as_text_error(file, name)
    try:
        if callable(seek):
            with suppress(OSError):  # a pipe
                seek(0)
        data = read()
    # The file may be of any class, and raise anything.
    except Exception as error:
        reason = "it is open for writing" if isinstance(error, UnsupportedOperation) else error
        sentence = f"{name_of(file, name)} cannot be read: {str(reason).rstrip('.')}."
        raise UnreadablePicture(sentence) from error
    if isinstance(data, str):
        raise _open_as_text_error(file, name)
    if not isinstance(data, bytes | bytearray | memoryview):
        kind = type(data).__name__
        raise UnreadablePicture(f"{name_of(file, name)} gives {kind} when read, not bytes.")
    return bytes(data)


def _open_as_text_error(file: object, name: str) -> UnreadablePicture:
    sentence = f"{name_of(file, name)} is open as text: open it in binary, as open(path, 'rb')."
    return UnreadablePicture(sentence)


def _check_length(data: bytes, name: str, limit_bytes: int | None) -> bytes:
    if not data:
        raise UnreadablePicture(f"{name} is empty.")
    if limit_bytes is not None and len(data) > limit_bytes:
        raise UnreadablePicture(f"{name} {_describe_size(len(data), limit_bytes)}")
    return data


def _describe_size(size_bytes: int, limit_bytes: int) -> str:
    return (
        f"is {size_bytes / 1e6:.1f} MB, and the limit is {limit_bytes / 1e6:g} MB: "
        "save it smaller, or as a JPEG."
    )


def pixels_of(array: PixelArray, name: str) -> Any:
    """Converts an array or a tensor to a numpy array of bytes for Pillow.

    An array has the shape (height, width) or (height, width, channels), where the channels are
    grey, grey and alpha, RGB, or RGB and alpha. A torch tensor has the shape (channels, height,
    width) or (1, channels, height, width). Whole numbers are in 0 to 255, or in 0 to 65535 if they
    have 16 bits. Floating point numbers are in 0 to 1.

    Raises:
        UnreadablePicture: it has another shape, type or range.
    """
    try:
        shape, values = tuple(array.shape), _to_numpy(array)
    # The array may be of any class. A tensor may have no numbers, or a type or a layout that numpy
    # does not know.
    except Exception as error:
        sentence = f"{name} is an array that cannot be read: {str(error).rstrip('.!')}."
        raise UnreadablePicture(sentence) from error
    if hasattr(array, "detach"):
        values = values[0] if values.ndim == 4 and values.shape[0] == 1 else values
        values = values.transpose(1, 2, 0) if values.ndim == 3 else values
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    has_channels = values.ndim == 3 and values.shape[2] in (2, 3, 4)
    if not (values.ndim == 2 or has_channels) or not all(shape):
        raise UnreadablePicture(
            f"{name} is an array of the shape {shape}: it must be (height, width, channels), or "
            "(channels, height, width) for a tensor, with 1 to 4 channels."
        )
    return _as_bytes(values, name)


def _to_numpy(array: Any) -> Any:
    """The numpy array of an array, or of a tensor of torch."""
    if not hasattr(array, "detach"):
        return array.__array__()
    tensor = array.detach().cpu()
    # numpy does not know bfloat16.
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _as_bytes(values: Any, name: str) -> Any:
    """A numpy array in 0 to 255."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "b":
        return values.astype("uint8") * 255
    if kind == "u" and bits == 16:
        return ((values.astype("float64") / 257) + 0.5).astype("uint8")
    maximum = 1 if kind == "f" else 255
    if kind not in "iuf" or not (values.min() >= 0 and values.max() <= maximum):
        raise UnreadablePicture(
            f"{name} is an array of {values.dtype} out of range: whole numbers must be in "
            "0 to 255, 16-bit ones (uint16) in 0 to 65535, floating point numbers in 0 to 1."
        )
    if kind == "f":
        values = values.astype("float32") * 255 + 0.5
    return values.astype("uint8")
