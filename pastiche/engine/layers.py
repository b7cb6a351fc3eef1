"""The layers of a network, each with a backward pass of its own: padding, convolution and
rectification in one, and pooling, by maxima as VGG was trained, or by averages, which Gatys, Ecker
and Bethge (2016), section 2, prefer.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine import card, winograd
from pastiche.options import Padding

NetworkPooling = Literal["average", "max"]


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer: filters, (C_out, C_in, 3, 3), biases, (C_out), and what surrounds its input.

    Attributes:
        nothing: what zeros are in its input, which may be less a constant.
        floor: what it rectifies at.
        transformed: the filters as `winograd` takes them, where that is the faster way.
        raised: the biases less the floor, where a card rectifies while it convolves.
    """

    weight: Tensor
    bias: Tensor
    nothing: float = 0.0
    floor: float = 0.0
    transformed: Tensor | None = None
    raised: Tensor | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> "Convolution":
        weight = self.weight.to(device, dtype, memory_format=torch.channels_last)
        transformed = winograd.transformed(weight) if winograd.is_faster(weight) else None
        bias, raised = self.bias.to(device, dtype), None
        if weight.is_cuda and dtype == torch.bfloat16:
            raised = (self.bias - self.floor).to(device, dtype)
        return replace(self, weight=weight, bias=bias, transformed=transformed, raised=raised)

    def rectified(self, surrounded: Tensor, dtype: torch.dtype) -> Tensor:
        """(B, C_in, H+2, W+2) → (B, C_out, H, W)."""
        if self.raised is not None:
            return card.rectified(surrounded, self.weight, self.raised, self.floor)
        return self._answers(surrounded).clamp_(min=self.floor).to(dtype)

    def _answers(self, surrounded: Tensor) -> Tensor:
        if self.transformed is None or winograd.is_small(surrounded):
            return F.conv2d(surrounded, self.weight, self.bias)
        return winograd.convolved(surrounded, self.transformed).add_(self.bias[:, None, None])

    def pulled_back(self, pull: Tensor) -> Tensor:
        """The gradient at `surrounded` of one at the answers: (B, C_in, H+2, W+2)."""
        if self.transformed is not None and not winograd.is_small(pull):
            return winograd.convolved_back(pull, self.transformed)
        if pull.is_cuda:
            return card.pulled_back(pull, self.weight)
        batch, _, height, width = pull.shape
        shape = (batch, self.weight.shape[1], height + 2, width + 2)
        outer: Tensor = conv2d_input(shape, self.weight, pull)  # type: ignore[no-untyped-call]  # no types in torch
        return outer

    def __call__(
        self, features: Tensor, padding: Padding = "replicate", dtype: torch.dtype | None = None
    ) -> Tensor:
        """(B, C_in, H, W) → (B, C_out, H, W), rectified, in `dtype` or that of the features."""
        rectified: Tensor = _Layer.apply(features, self, padding, dtype or features.dtype)
        return rectified

    def less_a_constant(self, constant: float, *, of_input: bool) -> "Convolution":
        """The same layer, but that `constant` is taken off its answers, and of its input, was."""
        bias = self.bias - constant
        nothing = self.nothing
        if of_input:
            bias = bias + constant * self.weight.sum(dim=(1, 2, 3))
            nothing -= constant
        return replace(self, bias=bias, nothing=nothing, floor=self.floor - constant, raised=None)


def pooled(features: Tensor, pooling: NetworkPooling = "average") -> Tensor:
    """(B, C, H, W) → (B, C, ⌊H/2⌋, ⌊W/2⌋) from 2×2 each; a side of 1 stays as it is."""
    if pooling == "max":
        height, width = features.shape[-2:]
        # Windows do not overlap, so that torch's backward pass adds nothing up, in whatever order.
        return F.max_pool2d(features, (min(2, height), min(2, width)))
    averages: Tensor = _Averages.apply(features)
    return averages


class _Averages(torch.autograd.Function):
    """Averages of 2×2 places, with a backward pass that is a copy."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        ctx.size, ctx.kernel = (height, width), (min(2, height), min(2, width))
        return F.avg_pool2d(features, ctx.kernel)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return card.unpooled(gradients[0], ctx.size, ctx.kernel)


class _Layer(torch.autograd.Function):
    """Padding by one, convolution and rectification, with a backward pass of their own.

    Kept for it are the answers alone, which the next layer has anyway; torch would keep the padded
    features as well. And its padding pulls back in no fixed order on CUDA.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, layer: Convolution, padding: Padding, dtype: torch.dtype
    ) -> Tensor:
        surrounded = padded(features, padding, layer.nothing)
        answers = layer.rectified(surrounded, dtype)
        ctx.save_for_backward(answers)
        ctx.layer, ctx.padding, ctx.dtype = layer, padding, features.dtype
        return answers

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (answers,), layer = ctx.saved_tensors, ctx.layer
        pull = torch.ops.aten.threshold_backward(gradients[0], answers, layer.floor)
        outer = layer.pulled_back(pull.to(layer.weight.dtype))
        inner = folded(outer, ctx.padding).to(ctx.dtype)
        return card.without_gaps(inner) if inner.is_cuda else inner, None, None, None


def padded(features: Tensor, padding: Padding, nothing: float = 0.0) -> Tensor:
    """(B, C, H, W) → (B, C, H+2, W+2): the edges repeated, mirrored, or followed by `nothing`."""
    if padding == "zeros":
        whole = F.pad(features, (1, 1, 1, 1), value=nothing)
    else:
        mirrored = _is_mirrored(features, padding, border=0)
        if features.is_cuda:
            return card.bordered(features, mirrored=mirrored)
        whole = F.pad(features, (1, 1, 1, 1), mode="reflect" if mirrored else "replicate")
    return whole.contiguous(memory_format=torch.channels_last)


def folded(outer: Tensor, padding: Padding) -> Tensor:
    """The backward pass of `padded`, (B, C, H+2, W+2) → (B, C, H, W); `outer` is used up.

    torch's own adds in no fixed order on CUDA.
    """
    if padding != "zeros":
        near = 1 + int(_is_mirrored(outer, padding, border=1))
        for edge, at in ((0, near), (-1, -1 - near)):
            outer[..., at, :] += outer[..., edge, :]
        for edge, at in ((0, near), (-1, -1 - near)):
            outer[..., at] += outer[..., edge]
    return outer[..., 1:-1, 1:-1]


def _is_mirrored(features: Tensor, padding: Padding, border: int) -> bool:
    """Whether the edges are mirrored: one row or column has nothing to be mirrored."""
    return padding == "reflect" and min(features.shape[-2:]) - 2 * border > 1
