"""Every type of value that the library and the client take a picture from."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pastiche.pictures import on_white
from tests.conftest import RunningApi
from tests.picture_cases import CASES, Carrier, Case, assert_masks, assert_shows

IMAGES = ("content", "style", "start_image")
MASKS = ("mask", "style_mask", "content_map")
FIELDS = (*IMAGES, *MASKS)


@dataclass(frozen=True)
class InputMethod:
    """A type of value that a picture is given as.

    Attributes:
        carrier: the carrier that a case needs for this type.
        give: makes the value from a file's bytes, with a folder for its files.
    """

    carrier: Carrier
    give: Callable[[bytes, Path], Any]


@contextmanager
def opened_inputs(folder: Path) -> Iterator[Callable[[InputMethod, bytes], Any]]:
    """A function that gives a file as any of these types; closes at the end what it has opened."""
    with ExitStack() as opened:

        def give(method: InputMethod, data: bytes) -> Any:
            given = method.give(data, folder)
            if isinstance(given, BufferedReader | Image.Image):
                opened.callback(given.close)
            return given

        yield give


def cases_of(carrier: Carrier) -> dict[str, Case]:
    """The cases that have this carrier, by name."""
    return {name: case for name, case in CASES.items() if carrier in case.carriers}


def cases_without(carrier: Carrier) -> dict[str, Case]:
    """The cases that do not have this carrier, by name."""
    return {name: case for name, case in CASES.items() if carrier not in case.carriers}


def fields_of(case: Case) -> tuple[str, ...]:
    """The fields that accept a case: those of images, and of masks if it is light enough."""
    masks = MASKS if case.is_a_mask else ("content_map",) if case.is_a_content_map else ()
    return (*IMAGES, *masks)


def assert_stored(api: RunningApi, case: Case) -> None:
    """Checks the stored picture of every field that accepts the case."""
    stored = {path.name.partition("-")[0]: path for path in api.blobs}
    assert sorted(stored) == sorted(fields_of(case))
    for field, path in stored.items():
        with Image.open(path) as picture:
            if field in MASKS:
                assert_masks(picture.convert("L"), case)
            else:
                assert_shows(on_white(picture), case)


def _path(data: bytes, folder: Path) -> Path:
    path = folder / "picture"
    path.write_bytes(data)
    return path


def _buffer_at_its_end(data: bytes, _folder: Path) -> BytesIO:
    buffer = BytesIO()
    buffer.write(data)
    return buffer


def _buffer_read_in_part(data: bytes, _folder: Path) -> BytesIO:
    buffer = BytesIO(data)
    buffer.read(16)
    return buffer


def array_of(data: bytes) -> np.ndarray:
    """The array of a file that Pillow opens."""
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture)


def _tensor(data: bytes, _folder: Path) -> torch.Tensor:
    array = array_of(data)
    tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    return tensor if tensor.ndim == 2 else tensor.permute(2, 0, 1)


INPUT_METHODS: dict[str, InputMethod] = {
    "path": InputMethod("file", _path),
    "name of a file": InputMethod("file", lambda data, folder: str(_path(data, folder))),
    "bytes": InputMethod("file", lambda data, _: data),
    "bytearray": InputMethod("file", lambda data, _: bytearray(data)),
    "memoryview": InputMethod("file", lambda data, _: memoryview(data)),
    "open file": InputMethod("file", lambda data, folder: _path(data, folder).open("rb")),
    "buffer at its end": InputMethod("file", _buffer_at_its_end),
    "buffer that was read in part": InputMethod("file", _buffer_read_in_part),
    "Pillow picture": InputMethod("pillow", lambda data, _: Image.open(BytesIO(data))),
    "array": InputMethod("array", lambda data, _: array_of(data)),
    "tensor": InputMethod("array", _tensor),
}
