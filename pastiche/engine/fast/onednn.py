"""Convolutions on a CPU by oneDNN, with filters that are brought into its layout once.

`torch.conv2d` does that again at every call, which takes as long as the convolution of a small map,
and rectifies in a pass of its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TYPICAL_SIDE = 64
"""Of the maps that the layout is chosen for; others are convolved with it as well."""

_ONCE = [1, 1]


@dataclass(frozen=True, slots=True)
class PackedFilters:
    """Filters, (C_out, C_in, 3, 3), as oneDNN multiplies by them.

    Attributes:
        forward: for the convolution.
        backward: rotated by 180° and transposed, for the gradient at its input.
        bias: (C_out), the layer's less its threshold: what is clamped at 0.
    """

    forward: Tensor
    backward: Tensor
    bias: Tensor

    @classmethod
    def pack(cls, weight: Tensor, bias: Tensor) -> "PackedFilters":
        """The filters, and what is added to their products before they are clamped at 0."""
        rotated = weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
        return cls(_pack(weight, padding=0), _pack(rotated, padding=2), bias)


def can_pack(weight: Tensor) -> bool:
    """Whether oneDNN computes with these filters where they are."""
    if weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.bfloat16):
        return False
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return has_onednn and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")


def convolve_relu(padded: Tensor, filters: PackedFilters, threshold: float) -> Tensor:
    """A convolution and ReLU at a threshold: (B, C_in, H+2, W+2) → (B, C_out, H, W)."""
    output = _convolve(padded, filters.forward, filters.bias, padding=0, activation="relu")
    return output.add_(threshold) if threshold else output


def convolve_backward(gradient: Tensor, filters: PackedFilters) -> Tensor:
    """The gradient at a convolution's padded input: (B, C_out, H, W) → (B, C_in, H+2, W+2)."""
    return _convolve(gradient, filters.backward, None, padding=2, activation="none")


def _convolve(
    features: Tensor, filters: Tensor, bias: Tensor | None, *, padding: int, activation: str
) -> Tensor:
    border = [padding, padding]
    output: Tensor = torch.ops.mkldnn._convolution_pointwise(
        features, filters, bias, border, _ONCE, _ONCE, 1, activation, [], ""
    )
    return output


def _pack(filters: Tensor, *, padding: int) -> Tensor:
    shape = [1, filters.shape[1], TYPICAL_SIDE, TYPICAL_SIDE]
    border = [padding, padding]
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        filters, border, _ONCE, _ONCE, 1, shape
    )
    return packed
