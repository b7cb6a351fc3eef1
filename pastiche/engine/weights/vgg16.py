"""`vgg16.safetensors`: the thirteen convolutions of ImageNet's VGG-16, known by their digest.

K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2015), configuration D; the weights are the authors', CC BY 4.0 (see NOTICE). Which file they come
out of does not matter: the digest over the tensors is what is trusted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

NAME = "vgg16.safetensors"

DIGEST = "dd21191fd3ba4d9b2b0104621c806227994d029acdf7f88d3ca0afd5774c15cf"
"""SHA-256 of the 26 tensors as little-endian float32, weight, (C_out, C_in, 3, 3), then bias, layer
by layer."""

CONVOLUTIONS = (
    "conv1_1", "conv1_2",
    "conv2_1", "conv2_2",
    "conv3_1", "conv3_2", "conv3_3",
    "conv4_1", "conv4_2", "conv4_3",
    "conv5_1", "conv5_2", "conv5_3",
)  # fmt: skip
"""In order. The file holds `conv1_1.weight`, `conv1_1.bias` and so on."""

TENSORS = tuple(f"{name}.{part}" for name in CONVOLUTIONS for part in ("weight", "bias"))

Array = NDArray[np.float32]


class NotVgg16(ValueError):
    """A file whose tensors are missing, or are not VGG-16's."""


def named(convolutions: Sequence[tuple[Array, Array]]) -> dict[str, Array]:
    """The tensors under their names.

    Raises:
        NotVgg16: there are not thirteen convolutions.
    """
    if len(convolutions) != len(CONVOLUTIONS):
        raise NotVgg16(f"{len(CONVOLUTIONS)} convolutions are expected, not {len(convolutions)}.")
    arrays = (each for convolution in convolutions for each in convolution)
    return dict(zip(TENSORS, arrays, strict=True))


def digest_of(tensors: Mapping[str, Array]) -> str:
    """The SHA-256 over the tensors, in hexadecimal; see `DIGEST`."""
    digest = hashlib.sha256()
    for name in TENSORS:
        digest.update(np.ascontiguousarray(tensors[name], "<f4").data)
    return digest.hexdigest()


def save(tensors: Mapping[str, Array], path: Path) -> None:
    """Writes the file.

    Raises:
        OSError: it cannot be written.
    """
    # The extra `engine` brings it; what lists and checks files should work without.
    from safetensors.numpy import save as to_bytes

    path.write_bytes(
        to_bytes({name: np.ascontiguousarray(tensors[name], "<f4") for name in TENSORS})
    )


def load(path: Path) -> "dict[str, Tensor]":
    """The tensors of a file, mapped into memory: those that are not used are never read.

    Raises:
        OSError, NotVgg16: as `file_digest`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in TENSORS}
    except SafetensorError as error:
        raise NotVgg16(f"{path} is damaged or holds other tensors.") from error


def file_digest(path: Path) -> str:
    """The digest over the tensors of a file; remembered until the file changes.

    Raises:
        OSError: there is no such file, or it cannot be read.
        NotVgg16: the file is damaged, or has other tensors.
    """
    stat = path.stat()
    return _file_digest(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _file_digest(path: Path, modified_ns: int, size_bytes: int) -> str:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return digest_of({name: file.get_tensor(name) for name in TENSORS})
    except (SafetensorError, ValueError) as error:
        raise NotVgg16(f"{path} is damaged or holds other tensors.") from error
