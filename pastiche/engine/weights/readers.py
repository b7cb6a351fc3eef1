"""The convolutions of VGG-16 in the files that carry them: ONNX, and Keras' HDF5.

ONNX is read from the protobuf wire format: the `onnx` package would bring protobuf and 18 MB with
it for one file. What is read is verified by the digest over the tensors (`vgg16.DIGEST`), so the
reader knows no more than a few fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pastiche.engine.weights.vgg16 import CONVOLUTIONS, Array

Field: TypeAlias = tuple[int, int | memoryview]
"""A field's number and its value: an integer, or the bytes of a string, message or array."""

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OPERATOR = 1, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 8, 9
_FLOAT32 = 1


class NotOnnx(ValueError):
    """The bytes are not an ONNX model with float32 convolutions."""


def read_onnx(model: bytes) -> list[tuple[Array, Array]]:
    """Weight, (C_out, C_in, kh, kw), and bias, (C_out), of every convolution in the graph's order.

    Raises:
        NotOnnx: the file is damaged or has other contents.
    """
    try:
        (graph,) = (value for number, value in _fields(memoryview(model)) if number == _MODEL_GRAPH)
        fields = list(_fields(_message(graph)))
        tensors = dict(
            _tensor(_message(value)) for number, value in fields if number == _GRAPH_INITIALIZER
        )
        nodes = [_message(value) for number, value in fields if number == _GRAPH_NODE]
        inputs = [names for operator, names in map(_node, nodes) if operator == "Conv"]
        return [(tensors[weight], tensors[bias]) for _, weight, bias in inputs]
    except (ValueError, IndexError, KeyError) as error:
        raise NotOnnx("The file is not an ONNX model with float32 convolutions.") from error


class NotKeras(ValueError):
    """The file is not Keras' VGG-16, or `h5py` is not installed."""


def read_keras(path: Path) -> list[tuple[Array, Array]]:
    """Weight, (C_out, C_in, 3, 3), and bias, (C_out), of every convolution.

    Raises:
        NotKeras: the file is damaged or has other contents, or h5py is missing.
    """
    try:
        import h5py
    except ImportError as error:
        raise NotKeras("reading it needs h5py, which is not installed: pip install h5py") from error
    try:
        with h5py.File(path, "r") as file:
            return [_keras_convolution(file[name]) for name in _keras_groups()]
    except (OSError, KeyError, ValueError) as error:
        raise NotKeras("it is damaged, or not a VGG-16 of Keras") from error


def _keras_groups() -> list[str]:
    """Keras' names of the layers: `block1_conv2` for `conv1_2`."""
    return [name.replace("conv", "block").replace("_", "_conv") for name in CONVOLUTIONS]


def _keras_convolution(layer: Any) -> tuple[Array, Array]:
    """The two arrays of a layer's group, whose names differ between versions of Keras."""
    arrays = [np.asarray(each, np.float32) for each in layer.values()]
    (weight,) = (each for each in arrays if each.ndim == 4)  # (kh, kw, C_in, C_out)
    (bias,) = (each for each in arrays if each.ndim == 1)  # (C_out)
    return np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias


def _node(node: memoryview) -> tuple[str, list[str]]:
    """A node's operator and the names of its inputs."""
    operator, inputs = "", []
    for number, value in _fields(node):
        if number == _NODE_OPERATOR:
            operator = _text(value)
        elif number == _NODE_INPUT:
            inputs.append(_text(value))
    return operator, inputs


def _tensor(tensor: memoryview) -> tuple[str, Array]:
    """A tensor's name and values; empty where they are of another type than float32."""
    shape: list[int] = []
    name, kind, data = "", 0, memoryview(b"")
    for number, value in _fields(tensor):
        if number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_DIMS:
            shape.extend(_integers(value))
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number in (_TENSOR_RAW, _TENSOR_FLOATS):
            data = _message(value)
    if kind != _FLOAT32:
        return name, np.empty(0, np.float32)
    return name, np.frombuffer(data, "<f4").reshape(shape)


def _fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, in their order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == 2:
            length, position = _varint(message, position)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise NotOnnx(f"Protobuf has no wire type {wire_type}.")
        if position + length > len(message):
            raise NotOnnx("A field is longer than the file.")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _integers(value: int | memoryview) -> Iterator[int]:
    """The integers of a repeated field, which may be packed into one."""
    if isinstance(value, int):
        yield value
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise NotOnnx("An integer stands where a message is expected.")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode()
