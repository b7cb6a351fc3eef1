"""Convolutions on a CPU by oneDNN. Filters are converted to its layout once for each size of
feature maps.

`torch.conv2d` converts them at every call, which takes as long as the convolution of a small map,
and applies ReLU in a separate pass.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

_STRIDE = _DILATION = [1, 1]


class PackedFilters:
    """Filters in oneDNN's layout: for the convolution, and rotated by 180° and transposed for the
    gradient at its input.

    Args:
        weight: (C_out, C_in, 3, 3), in channels_last and in the precision of the maps.
        gradient_dtype: the precision of gradients. None for the precision of the maps.

    Attributes:
        forward: for the convolution.
        backward: for the gradient. If gradients are in bfloat16 and maps in float32, it has two
            sets of filters: the rounded filters, and their rounding errors.
        bias: (C_out), added to the products before they are clamped at 0.
        channels: C_in.
        dtype, gradient_dtype: the precisions of maps and of gradients.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, gradient_dtype: torch.dtype | None = None
    ) -> None:
        self.bias, self.channels = bias, weight.shape[1]
        self.dtype, self.gradient_dtype = weight.dtype, gradient_dtype or weight.dtype
        self.forward = _Packed(lambda: weight, padding=0)
        self.backward = _Packed(partial(_rotate, weight, self.gradient_dtype), padding=2)


def _rotate(weight: Tensor, gradient_dtype: torch.dtype) -> Tensor:
    rotated = weight.flip(2, 3).transpose(0, 1)
    if gradient_dtype != weight.dtype:
        rounded = rotated.to(gradient_dtype)
        rotated = torch.cat((rounded, (rotated - rounded).to(gradient_dtype)))
    return rotated.contiguous(memory_format=torch.channels_last)


class _Packed:
    """Filters in the layout for the newest shape of maps, (B, C, H, W).

    With short vectors (AVX2) the layout depends on that shape. Filters in another layout are
    converted at each call, which may take a hundred times as long as the convolution.
    """

    def __init__(self, make_filters: Callable[[], Tensor], *, padding: int) -> None:
        self._make_filters, self._border = make_filters, [padding, padding]
        self._newest: tuple[Sequence[int], Tensor] | None = None

    def convolve(self, maps: Tensor, bias: Tensor | None, activation: str) -> Tensor:
        output: Tensor = torch.ops.mkldnn._convolution_pointwise(
            maps,
            self._pack(maps.shape),
            bias,
            self._border,
            _STRIDE,
            _DILATION,
            1,
            activation,
            [],
            "",
        )
        return output

    def _pack(self, shape: Sequence[int]) -> Tensor:
        newest = self._newest
        if newest is None or newest[0] != shape:
            packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
                self._make_filters(), self._border, _STRIDE, _DILATION, 1, list(shape)
            )
            self._newest = newest = (shape, packed)
        return newest[1]


def can_pack(weight: Tensor, gradient_dtype: torch.dtype | None = None) -> bool:
    """Whether oneDNN supports these filters, and gradients in this precision, on this CPU."""
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

    oneDNN's ReLU maps NaN to 0. The total variation and gamut terms detect NaN pixels.
    """
    output = filters.forward.convolve(padded, filters.bias, "relu")
    return output.add_(threshold) if threshold else output


def convolve_backward(gradient: Tensor, filters: PackedFilters) -> Tensor:
    """The gradient at a convolution's padded input: (B, C_out, H, W) → (B, C_in, H+2, W+2)."""
    output = filters.backward.convolve(gradient.to(filters.gradient_dtype), None, "none")
    if output.shape[1] == filters.channels:
        return output
    rounded, rest = output.to(filters.dtype).chunk(2, dim=1)
    return rounded + rest
