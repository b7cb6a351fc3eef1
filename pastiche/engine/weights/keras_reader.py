"""The convolutions of Keras' VGG-16, `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`."""

from pathlib import Path
from typing import Any

import numpy as np

from pastiche.engine.weights.vgg16 import CONVOLUTIONS, Array


class NotKeras(ValueError):
    """The file is no HDF5 file with Keras' VGG-16, or `h5py` is not installed."""


def read_convolutions(path: Path) -> list[tuple[Array, Array]]:
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
            return [_convolution(file[name]) for name in _groups()]
    except (OSError, KeyError, ValueError) as error:
        raise NotKeras("it is damaged, or holds no VGG-16 of Keras") from error


def _groups() -> list[str]:
    """What Keras calls the layers: `block1_conv2` for `conv1_2`."""
    return [name.replace("conv", "block").replace("_", "_conv") for name in CONVOLUTIONS]


def _convolution(layer: Any) -> tuple[Array, Array]:
    """The two arrays of a layer's group; how they are called differs between Keras' versions."""
    arrays = [np.asarray(each, np.float32) for each in layer.values()]
    (weight,) = (each for each in arrays if each.ndim == 4)  # (kh, kw, C_in, C_out)
    (bias,) = (each for each in arrays if each.ndim == 1)  # (C_out)
    return np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias
