"""The convolutions of an ONNX file, read from the protobuf wire format.

The `onnx` package would bring protobuf and 18 MB with it for one file. What is read here is proved
right by the digest over the tensors (`vgg16.DIGEST`), so this reader need not know more than the
few fields below: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = tuple[int, int | memoryview]
"""A field's number and its value: an integer, or the bytes of a string, message or array."""

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OPERATOR = 1, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 8, 9
_FLOAT32 = 1


class NotOnnx(ValueError):
    """The bytes are no ONNX model, or not one with plain float32 convolutions."""


def read_convolutions(model: bytes) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
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
        raise NotOnnx("The file holds no ONNX model with float32 convolutions.") from error


def _node(node: memoryview) -> tuple[str, list[str]]:
    """A node's operator and the names of its inputs."""
    operator, inputs = "", []
    for number, value in _fields(node):
        if number == _NODE_OPERATOR:
            operator = _text(value)
        elif number == _NODE_INPUT:
            inputs.append(_text(value))
    return operator, inputs


def _tensor(tensor: memoryview) -> tuple[str, NDArray[np.float32]]:
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
