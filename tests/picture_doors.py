"""Every way in which a picture is given to the library and to the client, and what arrives."""

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
class Way:
    """A way in which a picture is given.

    Attributes:
        carrier: of which the case must be.
        give: makes it of a file's bytes, with a folder to write into.
    """

    carrier: Carrier
    give: Callable[[bytes, Path], Any]


@contextmanager
def giving(folder: Path) -> Iterator[Callable[[Way, bytes], Any]]:
    """Gives files in any way; what is opened for that is closed at the end."""
    with ExitStack() as opened:

        def give(way: Way, data: bytes) -> Any:
            given = way.give(data, folder)
            if isinstance(given, BufferedReader | Image.Image):
                opened.callback(given.close)
            return given

        yield give


def cases_of(carrier: Carrier) -> dict[str, Case]:
    """Those of the table that can be given so, by their names."""
    return {name: case for name, case in CASES.items() if carrier in case.carriers}


def cases_without(carrier: Carrier) -> dict[str, Case]:
    """Those of the table that cannot be given so."""
    return {name: case for name, case in CASES.items() if carrier not in case.carriers}


def fields_of(case: Case) -> tuple[str, ...]:
    """The fields that take a case: no mask is black or transparent everywhere."""
    return FIELDS if case.is_a_mask else IMAGES


def assert_stored(api: RunningApi, case: Case) -> None:
    """What a worker gets is what is right, in every field that takes the case."""
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


def _buffer_that_was_looked_into(data: bytes, _folder: Path) -> BytesIO:
    buffer = BytesIO(data)
    buffer.read(16)
    return buffer


def array_of(data: bytes) -> np.ndarray:
    """What numpy makes of a file that Pillow opens."""
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture)


def _tensor(data: bytes, _folder: Path) -> torch.Tensor:
    array = array_of(data)
    tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    return tensor if tensor.ndim == 2 else tensor.permute(2, 0, 1)


WAYS: dict[str, Way] = {
    "path": Way("file", _path),
    "name of a file": Way("file", lambda data, folder: str(_path(data, folder))),
    "bytes": Way("file", lambda data, _: data),
    "bytearray": Way("file", lambda data, _: bytearray(data)),
    "memoryview": Way("file", lambda data, _: memoryview(data)),
    "open file": Way("file", lambda data, folder: _path(data, folder).open("rb")),
    "buffer at its end": Way("file", _buffer_at_its_end),
    "buffer that was looked into": Way("file", _buffer_that_was_looked_into),
    "Pillow picture": Way("pillow", lambda data, _: Image.open(BytesIO(data))),
    "array": Way("array", lambda data, _: array_of(data)),
    "tensor": Way("array", _tensor),
}
