"""Writes a small ONNX model of convolutions as protobuf, as a source of weights for tests."""

from collections.abc import Sequence

from pastiche.engine.weights.vgg16 import Array


def onnx_model(convolutions: Sequence[tuple[Array, Array]], *, raw: bool = True) -> bytes:
    """A chain of convolutions. Its tensors are ordered from last to first, as in the real file.

    Args:
        raw: whether the tensors are raw bytes, or packed floats.
    """
    nodes, tensors = b"", b""
    for i, (weight, bias) in enumerate(convolutions):
        names = [f"x{i}", f"weight{i}", f"bias{i}"]
        node = b"".join(_field(1, name.encode()) for name in names)
        node += _field(2, f"x{i + 1}".encode()) + _field(4, b"Conv")
        nodes += _field(1, node) + _field(1, _field(1, b"x") + _field(4, b"Relu"))
        both = _tensor(names[1], weight, raw) + _tensor(names[2], bias, raw)
        tensors = both + tensors
    return _integer(1, 7) + _field(7, nodes + tensors)


def _tensor(name: str, values: Array, raw: bool) -> bytes:
    shape = b"".join(_integer(1, length) for length in values.shape)
    data = _field(9 if raw else 4, values.tobytes())
    return _field(5, shape + _integer(2, 1) + _field(8, name.encode()) + data)


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
