"""CUDA: the device, arithmetic in a fixed order, and kernels that move less memory.

On a GPU a pass over a feature map takes as long as its convolution. torch's kernels for maps that
are not contiguous move one number at a time, two bytes in bfloat16, and take four times as long as
necessary. The kernels here move the channels of a position eight bytes at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.options import OptionError

MIN_CHANNELS = 8
"""With fewer channels, a convolution is no faster than with this many."""


def best_device() -> torch.device:
    """CUDA where it is available, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_device(device: torch.device | str | None) -> torch.device:
    """The device itself, the device with a name such as `cuda:1`, or the best device for None.

    Raises:
        OptionError: it is neither a CPU nor a CUDA device, or does not exist.
    """
    if device is None:
        return best_device()
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError):
        raise OptionError("device", f"must be a CPU or a CUDA device, not {device}.") from None
    if device.type not in ("cpu", "cuda"):
        raise OptionError("device", f"must be a CPU or a CUDA device, not {device}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise OptionError("device", f"must exist, and torch finds no {device} here.")
    return device


class _ExactArithmetic:
    """The settings for `exact_arithmetic`. They apply to the whole process, and several threads may
    need them at once: the last one to finish restores what was set before the first."""

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self._before: tuple[bool, bool, str, str] = (False, False, "none", "none")

    def begin(self) -> None:
        """Sets them, and stores what was set before."""
        with self._lock:
            if not self._users:
                self._before = self._exchange((False, True, "ieee", "ieee"))
            self._users += 1

    def end(self) -> None:
        """Restores what was set before, if no other thread needs them."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._exchange(self._before)

    @staticmethod
    def _exchange(new: tuple[bool, bool, str, str]) -> tuple[bool, bool, str, str]:
        """Sets the new settings; returns the old ones."""
        cudnn: Any = torch.backends.cudnn  # `conv` has no type
        matmul = torch.backends.cuda.matmul
        # `cudnn.flags` and `allow_tf32` use the TF32 settings from before torch 2.9, and fail in a
        # program that uses the newer ones.
        precisions = cudnn.conv.fp32_precision, matmul.fp32_precision
        old = (cudnn.benchmark, cudnn.deterministic, *precisions)
        cudnn.benchmark, cudnn.deterministic, cudnn.conv.fp32_precision, matmul.fp32_precision = new
        return old


_EXACT_ARITHMETIC = _ExactArithmetic()


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """On CUDA, uses only cuDNN algorithms that add in a fixed order, so that the same job gives the
    same bytes, and full float32 precision in convolutions and matrix products."""
    _EXACT_ARITHMETIC.begin()
    try:
        yield
    finally:
        _EXACT_ARITHMETIC.end()


def is_recording() -> bool:
    """Whether a CUDA graph is being recorded. A failed attempt would be part of the recording."""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


def pad(features: Tensor, *, mirrored: bool) -> Tensor:
    """(B, C, H, W) → (B, C, H+2, W+2): the edges repeated, or mirrored."""
    batch, channels, height, width = features.shape
    padded = features.new_empty(batch, height + 2, width + 2, channels).permute(0, 3, 1, 2)
    target, near = _as_words(padded), 1 + int(mirrored)
    target[:, 1:-1, 1:-1].copy_(_as_words(features))
    for edge, at in ((0, near), (-1, -1 - near)):
        target[:, 1:-1, edge].copy_(target[:, 1:-1, at])
    for edge, at in ((0, near), (-1, -1 - near)):
        target[:, edge].copy_(target[:, at])
    return padded


def make_contiguous(features: Tensor) -> Tensor:
    """The same map, (B, C, H, W), contiguous in channels_last."""
    words = _as_words(features).contiguous()
    return words.view(features.dtype).permute(0, 3, 1, 2)


def convolve_relu(padded: Tensor, weight: Tensor, cudnn_bias: Tensor, threshold: float) -> Tensor:
    """A convolution and ReLU at a threshold, by cuDNN's fused kernel, which clamps at 0.

    Args:
        padded: (B, C_in, H+2, W+2).
        weight: (C_out, C_in, 3, 3).
        cudnn_bias: (C_out), the bias minus the threshold.
    """
    output = torch.cudnn_convolution_relu(padded, weight, cudnn_bias, (1, 1), (0, 0), (1, 1), 1)
    return output.add_(threshold) if threshold else output


def convolve_backward(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient at a convolution's padded input: (B, C_in, H+2, W+2).

    Args:
        gradient: (B, C_out, H, W), at its output.
        weight: (C_out, C_in, 3, 3).
    """
    if weight.shape[1] < MIN_CHANNELS:
        return _convolve_backward_few_channels(gradient, weight)
    # A transposed convolution runs the same kernel as the gradient of a convolution, but torch's
    # function for that gradient converts it to another memory format and back.
    return F.conv_transpose2d(gradient, weight)


def average_pool_backward(
    gradient: Tensor, size: tuple[int, int], kernel: tuple[int, int]
) -> Tensor:
    """The gradient at the input, (B, C, H, W), from the gradient at the averages, (B, C, h, w).

    Args:
        size: (H, W). A last row or column that no average covers has a gradient of 0.
        kernel: how many positions each average covers, down and across.
    """
    (down, across), (height, width), (batch, channels) = kernel, size, gradient.shape[:2]
    covered = (gradient.shape[2] * down, gradient.shape[3] * across)
    new = gradient.new_empty if covered == size else gradient.new_zeros
    whole = new(batch, height, width, channels).permute(0, 3, 1, 2)
    share = _as_words(gradient / (down * across))
    target = _as_words(whole)[:, : covered[0], : covered[1]]
    shape = (batch, gradient.shape[2], down, gradient.shape[3], across, target.shape[3])
    target.view(shape).copy_(share[:, :, None, :, None])
    return whole


def _convolve_backward_few_channels(gradient: Tensor, weight: Tensor) -> Tensor:
    """`convolve_backward` as a matrix product, with the results added up at their positions. A
    GPU's convolutions are made for many channels."""
    height, width = gradient.shape[-2:]
    rows = gradient.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H·W, C_out)
    windows = weight.flatten(1).T @ rows.mT  # (B, 9·C_in, H·W)
    return F.fold(windows, (height + 2, width + 2), kernel_size=3)


def _as_words(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H, W, ·), in words of eight bytes if the channels divide evenly.

    A view if the features are channels_last.
    """
    positions, word_size = features.permute(0, 2, 3, 1), 8 // features.element_size()
    if positions.shape[3] % word_size:
        return positions
    if positions.stride(3) != 1 or any(stride % word_size for stride in positions.stride()[:3]):
        positions = positions.clone(memory_format=torch.contiguous_format)
    return positions.view(torch.int64)
