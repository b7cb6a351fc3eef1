"""Numpy arrays and tensors of torch as pictures. Needs Pillow alone: only methods of the array
itself are called."""

from typing import Any

from PIL import Image

from pastiche.picture_sources import PixelArray, UnreadablePicture


def from_array(array: PixelArray, name: str = "The picture") -> Image.Image:
    """The picture in an array of (height, width), or of (height, width, channels): grey, grey and
    alpha, RGB, or RGB and alpha; or in a tensor of torch, of (channels, height, width) or
    (1, channels, height, width).

    Whole numbers are 0 to 255, or 0 to 65535 where they have 16 bits; floating point numbers are
    0 to 1.

    Raises:
        UnreadablePicture: it has another shape, type or range.
    """
    try:
        shape, values = tuple(array.shape), _on_host(array)
    # An array may be of anybody's class, and a tensor without numbers, or of a type or a layout
    # that numpy does not know.
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
            f"{name} is an array of the shape {shape}: (height, width, channels) is needed, or a "
            "tensor of (channels, height, width), with 1 to 4 channels."
        )
    return Image.fromarray(_as_bytes(values, name))


def _on_host(array: Any) -> Any:
    """The numpy array of an array, or of a tensor of torch."""
    if not hasattr(array, "detach"):
        return array.__array__()
    tensor = array.detach().cpu()
    # Which numpy does not know.
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _as_bytes(values: Any, name: str) -> Any:
    """A numpy array in 0 to 255."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "b":
        return values.astype("uint8") * 255
    if kind == "u" and bits == 16:
        return ((values.astype("float64") / 257) + 0.5).astype("uint8")
    most = 1 if kind == "f" else 255
    if kind not in "iuf" or not (values.min() >= 0 and values.max() <= most):
        raise UnreadablePicture(
            f"{name} is an array of {values.dtype} out of range: whole numbers must be in "
            "0 to 255, 16-bit ones (uint16) in 0 to 65535, floating point numbers in 0 to 1."
        )
    if kind == "f":
        values = values.astype("float32") * 255 + 0.5
    return values.astype("uint8")
