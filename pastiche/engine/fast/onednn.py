"""Convolutions on a CPU by oneDNN, with filters that are brought into its layout once.

`torch.conv2d` does that again at every call, which takes as long as the convolution of a small map,
and rectifies in a pass of its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TYPICAL_SIDE = 64
"""Of the maps that the layout is chosen for; others are convolved with it as well."""

_STRIDE = _DILATION = [1, 1]


@dataclass(frozen=True, slots=True)
class PackedFilters:
    """Filters, (C_out, C_in, 3, 3), as oneDNN multiplies by them.

    Attributes:
        forward: for the convolution.
        backward: rotated by 180° and transposed, for the gradient at its input. If gradients are in
            bfloat16 and filters in float32, two sets: the rounded filters, and the rounding errors.
        bias: (C_out), what is added to the products before they are clamped at 0.
        channels: C_in.
    """

    forward: Tensor
    backward: Tensor
    bias: Tensor
    channels: int

    @classmethod
    def pack(
        cls, weight: Tensor, bias: Tensor, gradient_dtype: torch.dtype | None = None
    ) -> "PackedFilters":
        """The filters for maps in their precision, and gradients in this one, or the same."""
        rotated = weight.flip(2, 3).transpose(0, 1)
        if gradient_dtype not in (None, weight.dtype):
            rounded = rotated.to(gradient_dtype)
            rotated = torch.cat((rounded, (rotated - rounded).to(gradient_dtype)))
        rotated = rotated.contiguous(memory_format=torch.channels_last)
        forward, backward = _pack(weight, padding=0), _pack(rotated, padding=2)
        return cls(forward, backward, bias, weight.shape[1])


def can_pack(weight: Tensor, gradient_dtype: torch.dtype | None = None) -> bool:
    """Whether oneDNN computes with these filters, and gradients in this precision, on this CPU."""
    dtypes = {weight.dtype, gradient_dtype or weight.dtype}
    if weight.device.type != "cpu" or not dtypes <= {torch.float32, torch.bfloat16}:
        return False
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]  # no types in torch
    operators = torch.ops.mkldnn
    if not has_onednn or not hasattr(operators, "_reorder_convolution_weight"):
        return False
    return torch.bfloat16 not in dtypes or bool(operators._is_mkldnn_bf16_supported())


def convolve_relu(padded: Tensor, filters: PackedFilters, threshold: float) -> Tensor:
    """A convolution and ReLU at a threshold: (B, C_in, H+2, W+2) → (B, C_out, H, W).

    oneDNN's ReLU takes NaN to 0: NaN pixels are detected by the total variation and gamut terms.
    """
    output = _convolve(padded, filters.forward, filters.bias, padding=0, activation="relu")
    return output.add_(threshold) if threshold else output


def convolve_backward(gradient: Tensor, filters: PackedFilters) -> Tensor:
    """The gradient at a convolution's padded input: (B, C_out, H, W) → (B, C_in, H+2, W+2)."""
    gradient = gradient.to(filters.backward.dtype)
    found = _convolve(gradient, filters.backward, None, padding=2, activation="none")
    if found.shape[1] == filters.channels:
        return found
    rounded, rest = found.to(filters.forward.dtype).chunk(2, dim=1)
    return rounded + rest


def _convolve(
    features: Tensor, filters: Tensor, bias: Tensor | None, *, padding: int, activation: str
) -> Tensor:
    border = [padding, padding]
    output: Tensor = torch.ops.mkldnn._convolution_pointwise(
        features, filters, bias, border, _STRIDE, _DILATION, 1, activation, [], ""
    )
    return output


def _pack(filters: Tensor, *, padding: int) -> Tensor:
    shape = [1, filters.shape[1], TYPICAL_SIDE, TYPICAL_SIDE]
    border = [padding, padding]
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        filters, border, _STRIDE, _DILATION, 1, shape
    )
    return packed
