"""Convolution and pooling with custom backward passes, which save less and compute less.

The convolution pads, convolves and applies ReLU in one function. Pooling takes maxima, as VGG was
trained, or averages, which Gatys, Ecker and Bethge (2016), section 2, prefer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine.fast import cuda, onednn, winograd
from pastiche.engine.plain import Convolution
from pastiche.options import Options, Padding

NetworkPooling = Literal["average", "max"]


@dataclass(frozen=True, slots=True)
class FastConvolution(Convolution):
    """A layer with its parameters in the form that is fastest on its device.

    Attributes:
        winograd_weight: (36, C_in, C_out), for Winograd's algorithm. None where it is not faster.
        packed: for oneDNN. None where it cannot be used.
        cudnn_bias: (C_out), the bias minus the threshold, for cuDNN's fused convolution and ReLU.
            None where it cannot be used.
    """

    winograd_weight: Tensor | None = None
    packed: onednn.PackedFilters | None = None
    cudnn_bias: Tensor | None = None

    @classmethod
    def prepare(
        cls,
        convolution: Convolution,
        device: torch.device,
        dtype: torch.dtype,
        output_dtype: torch.dtype | None = None,
    ) -> "FastConvolution":
        """The layer on a device and in a precision, its weight in channels_last.

        Args:
            output_dtype: the precision of its feature map. None for `dtype`.
        """
        weight = convolution.weight.to(device, dtype, memory_format=torch.channels_last)
        shifted = (convolution.bias - convolution.threshold).to(device, dtype)
        has_cudnn = weight.is_cuda and torch.version.hip is None
        fuses_relu = has_cudnn and dtype == torch.bfloat16
        return cls(
            weight,
            convolution.bias.to(device, dtype),
            convolution.padding_value,
            convolution.threshold,
            winograd.transform_weight(weight) if winograd.is_faster(weight) else None,
            onednn.PackedFilters(weight, shifted, output_dtype)
            if onednn.can_pack(weight, output_dtype)
            else None,
            shifted if fuses_relu else None,
        )


def convolve(
    features: Tensor,
    convolution: Convolution,
    padding: Padding = "replicate",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """(B, C_in, H, W) → (B, C_out, H, W), after ReLU, in `dtype` or in the dtype of `features`."""
    output: Tensor = _Convolve.apply(features, convolution, padding, dtype or features.dtype)
    return output


def convolve_and_pool(
    features: Tensor,
    convolution: Convolution,
    padding: Padding = "replicate",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """`convolve`, then `pool` by maxima: (B, C_in, H, W) → (B, C_out, ⌊H/2⌋, ⌊W/2⌋).

    A value below the threshold has no gradient, and a maximum is below it if all its four values
    are. So the backward pass of ReLU runs on a quarter of the positions, and the feature map before
    pooling is freed at once.
    """
    output: Tensor = _ConvolveAndPool.apply(features, convolution, padding, dtype or features.dtype)
    return output


def pool(features: Tensor, pooling: NetworkPooling = "average") -> Tensor:
    """(B, C, H, W) → (B, C, ⌊H/2⌋, ⌊W/2⌋), pooling 2×2 positions. A side of 1 stays as it is."""
    if pooling == "max":
        # Windows do not overlap: torch's backward pass adds nothing up, so its order is irrelevant.
        return F.max_pool2d(features, _kernel(features.shape))
    averages: Tensor = _AveragePool.apply(features)
    return averages


def pad(features: Tensor, padding: Padding, value: float = 0.0) -> Tensor:
    """(B, C, H, W) → (B, C, H+2, W+2): edges repeated, mirrored, or padded with `value`."""
    if padding == "zeros":
        padded = F.pad(features, (1, 1, 1, 1), value=value)
    else:
        mirrored = _is_mirrored(features, padding, border=0)
        if features.is_cuda:
            return cuda.pad(features, mirrored=mirrored)
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect" if mirrored else "replicate")
    return padded.contiguous(memory_format=torch.channels_last)


def pad_backward(gradient: Tensor, padding: Padding) -> Tensor:
    """The backward pass of `pad`, (B, C, H+2, W+2) → (B, C, H, W). It overwrites its input.

    torch's own backward pass adds in no fixed order on CUDA.
    """
    if padding != "zeros":
        near = 1 + int(_is_mirrored(gradient, padding, border=1))
        for edge, at in ((0, near), (-1, -1 - near)):
            gradient[..., at, :] += gradient[..., edge, :]
        for edge, at in ((0, near), (-1, -1 - near)):
            gradient[..., at] += gradient[..., edge]
    return gradient[..., 1:-1, 1:-1]


def convolution_dtype(device: torch.device, options: Options) -> torch.dtype:
    """The precision in the options. By default bfloat16 where the hardware has it, else float32.

    Emulated bfloat16 is slower than float32. With max pooling, rounding makes neighbours equal or
    swaps their order, and the gradient goes to the wrong one (a relative error of 0.2 near the
    end). Even so, the pictures are as close to style and content as in float32.
    """
    if options.precision != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[options.precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and _cpu_has_bfloat16()
    return torch.bfloat16 if native else torch.float32


class _AveragePool(torch.autograd.Function):
    """Averages of 2×2 positions, with a backward pass that only copies."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.size, ctx.kernel = features.shape[-2:], _kernel(features.shape)
        return F.avg_pool2d(features, ctx.kernel)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return cuda.average_pool_backward(gradients[0], ctx.size, ctx.kernel)


class _Convolve(torch.autograd.Function):
    """Padding, convolution and ReLU.

    Only the output is saved for the backward pass, and the next layer saves it anyway. torch would
    save the padded features, too, and the backward pass of its padding adds in no fixed order on
    CUDA.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, convolution: Convolution, padding: Padding, dtype: torch.dtype
    ) -> Tensor:
        padded = pad(features, padding, convolution.padding_value)
        output = _forward(padded, convolution, dtype)
        ctx.save_for_backward(output)
        ctx.convolution, ctx.padding, ctx.dtype = convolution, padding, features.dtype
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (output,), convolution = ctx.saved_tensors, ctx.convolution
        gradient = torch.ops.aten.threshold_backward(gradients[0], output, convolution.threshold)
        return (
            _at_input(gradient, convolution, ctx.padding, ctx.dtype),
            None,
            None,
            None,
        )


class _ConvolveAndPool(torch.autograd.Function):
    """Padding, convolution, ReLU and maxima of 2×2 positions."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, convolution: Convolution, padding: Padding, dtype: torch.dtype
    ) -> Tensor:
        padded = pad(features, padding, convolution.padding_value)
        output = _forward(padded, convolution, dtype)
        pooled, indices = F.max_pool2d(output, _kernel(output.shape), return_indices=True)
        ctx.save_for_backward(pooled, indices)
        ctx.convolution, ctx.padding, ctx.dtype = convolution, padding, features.dtype
        ctx.shape = output.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (pooled, indices), convolution = ctx.saved_tensors, ctx.convolution
        at_maxima = torch.ops.aten.threshold_backward(gradients[0], pooled, convolution.threshold)
        kernel = _kernel(ctx.shape)
        # The operator reads only the shape of this map, not its values.
        like = torch.empty(
            ctx.shape,
            dtype=at_maxima.dtype,
            device=at_maxima.device,
            memory_format=torch.channels_last,
        )
        gradient = torch.ops.aten.max_pool2d_with_indices_backward(
            at_maxima, like, kernel, kernel, (0, 0), (1, 1), False, indices
        )
        return (
            _at_input(gradient, convolution, ctx.padding, ctx.dtype),
            None,
            None,
            None,
        )


def _kernel(shape: Sequence[int]) -> tuple[int, int]:
    """The size of the pooling window for maps of this shape, (B, C, H, W)."""
    return min(2, shape[2]), min(2, shape[3])


def _at_input(
    gradient: Tensor, convolution: Convolution, padding: Padding, dtype: torch.dtype
) -> Tensor:
    """The gradient at a convolution's input, (B, C_in, H, W), from the gradient before ReLU."""
    at_features = pad_backward(_backward(gradient, convolution), padding).to(dtype)
    return cuda.make_contiguous(at_features) if at_features.is_cuda else at_features


def _forward(padded: Tensor, convolution: Convolution, dtype: torch.dtype) -> Tensor:
    """(B, C_in, H+2, W+2) → (B, C_out, H, W), after ReLU."""
    weight, bias, threshold = convolution.weight, convolution.bias, convolution.threshold
    if isinstance(convolution, FastConvolution):
        if convolution.cudnn_bias is not None:
            return cuda.convolve_relu(padded, weight, convolution.cudnn_bias, threshold)
        filters = convolution.winograd_weight
        if filters is not None and not winograd.is_small(padded):
            output = winograd.convolve(padded, filters).add_(bias[:, None, None])
            return output.clamp_(min=threshold).to(dtype)
        if convolution.packed is not None:
            return onednn.convolve_relu(padded, convolution.packed, threshold).to(dtype)
    return F.conv2d(padded, weight, bias).clamp_(min=threshold).to(dtype)


def _backward(gradient: Tensor, convolution: Convolution) -> Tensor:
    """The gradient at the padded input, (B, C_in, H+2, W+2), from the gradient before ReLU."""
    weight = convolution.weight
    if isinstance(convolution, FastConvolution):
        filters = convolution.winograd_weight
        if filters is not None and not winograd.is_small(gradient):
            return winograd.convolve_backward(gradient, filters)
        if convolution.packed is not None:
            return onednn.convolve_backward(gradient, convolution.packed)
    gradient = gradient.to(weight.dtype)
    if gradient.is_cuda:
        return cuda.convolve_backward(gradient, weight)
    batch, _, height, width = gradient.shape
    shape = (batch, weight.shape[1], height + 2, width + 2)
    at_padded: Tensor = conv2d_input(shape, weight, gradient)  # type: ignore[no-untyped-call]  # no types in torch
    return at_padded


def _is_mirrored(features: Tensor, padding: Padding, border: int) -> bool:
    """Whether the edges are mirrored. A single row or column has nothing to mirror."""
    return padding == "reflect" and min(features.shape[-2:]) - 2 * border > 1


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU has AVX512-BF16 or AMX. oneDNN's own check also passes on processors that
    emulate bfloat16."""
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name)()) for name in flags if hasattr(torch.cpu, name))
