"""VGG's convolutions: an image in, feature maps at named layers out.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configurations D and E, VGG-16 and VGG-19, which differ by the last layers of blocks 3 to 5; with
average pooling, which Gatys, Ecker and Bethge (2016), section 2, prefer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine import card, winograd
from pastiche.engine.interruption import check_interruption
from pastiche.engine.precision import exact_convolutions
from pastiche.options import (
    LAYERS,
    LayerName,
    Padding,
    StyleStatistic,
    Variation,
)

_WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


def _block(layer: LayerName) -> int:
    return int(layer[len("relu")])


CHANNELS: dict[LayerName, tuple[int, int]] = {
    "relu1_1": (3, 64),
    **{layer: (_WIDTHS[_block(last)], _WIDTHS[_block(layer)]) for last, layer in pairwise(LAYERS)},
}
"""Every layer of VGG-19 in order, with the channels that come in and go out; VGG-16's are the same,
without the last of blocks 3 to 5."""

POOLED_BEFORE = frozenset(layer for last, layer in pairwise(LAYERS) if _block(last) < _block(layer))
"""The layers that begin a block: half the resolution of what comes before."""

NetworkPooling = Literal["average", "max"]

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER: LayerName = "relu4_2"

VGG_SHARES: Mapping[LayerName, float] = dict.fromkeys(STYLE_LAYERS[:-1], 0.25)
"""Of the style loss, by layer. relu5_1 is left out: it costs a sixth of the convolutions, and with
it the same strokes leave less of the photograph."""


@dataclass(frozen=True, slots=True)
class Units:
    """What weights of 1 stand for, so that the default look is at α = β = 0.5, γ = 1.

    Attributes:
        variation: by its norm.
    """

    content: float
    style: float
    variation: Mapping[Variation, float]


VGG_UNITS: Mapping[StyleStatistic, Units] = {
    "moments": Units(36.0, 540.0, {"squared": 300.0, "absolute": 30.0}),
    "gram": Units(36.0, 1440.0, {"squared": 300.0, "absolute": 30.0}),
}
"""Of networks that were trained on photographs."""


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
        outer: Tensor = conv2d_input(shape, self.weight, pull)  # type: ignore[no-untyped-call]
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


@dataclass(frozen=True, slots=True)
class Backbone:
    """A VGG-16 or VGG-19 with frozen filters.

    Attributes:
        name: `vgg16`, `vgg19`, `vgg19-caffe` or `whitened`.
        sha256: the digest of its weights; None where it has none.
        convolutions: by layer, in the order of `CHANNELS`, down to the deepest that is needed.
        mean: what is subtracted from the red, green and blue of an image first.
        centre: what was taken off every feature map, 0 in the paper's network (see `centred`).
        shares: by style layer, its share of the style loss (w_l of eq. 5) by default.
        units: by style statistic, what weights of 1 stand for.
        knows_colour: whether it sees every colour, and its deep layers tell what is shown from
            the colours it has. Where not, the content image is given the style's palette, and
            the pastiche is kept to it.
        pooling, padding: as `Options` has them.
        dtype: what the feature maps are in.
    """

    name: str
    sha256: str | None
    convolutions: Mapping[LayerName, Convolution]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre: float = 0.0
    shares: Mapping[LayerName, float] = field(default_factory=lambda: VGG_SHARES)
    units: Mapping[StyleStatistic, Units] = field(default_factory=lambda: VGG_UNITS)
    knows_colour: bool = True
    pooling: NetworkPooling = "average"
    padding: Padding = "replicate"
    dtype: torch.dtype = torch.float32

    def to(self, device: torch.device, dtype: torch.dtype) -> "Backbone":
        """The same network on a device and in a precision, its filters in channels_last.

        In bfloat16 the first layer stays in float32: it alone sees the pixels, and rounded to
        eight bits they would show less than a screen does. It has 0.2 % of the multiplications.
        """
        first = torch.float32 if dtype == torch.bfloat16 else dtype
        moved = {
            layer: each.to(device, first if layer == LAYERS[0] else dtype)
            for layer, each in self.convolutions.items()
        }
        return replace(self, convolutions=moved, dtype=dtype)

    def on(self, device: torch.device) -> "Backbone":
        """The same network on a device, its filters as they are; `to` makes them fast."""
        moved = {
            layer: replace(each, weight=each.weight.to(device), bias=each.bias.to(device))
            for layer, each in self.convolutions.items()
        }
        return replace(self, convolutions=moved)

    def centred(self, centre: float) -> "Backbone":
        """The same network, with `centre` taken off every feature map.

        Where the mean answer of every filter is known, it would make up most of a Gram matrix and
        say nothing of the style. Taking it off inside the network costs nothing: it goes into the
        biases.
        """
        convolutions = {
            layer: each.less_a_constant(centre, of_input=layer != LAYERS[0])
            for layer, each in self.convolutions.items()
        }
        return replace(self, convolutions=convolutions, centre=self.centre + centre)

    def features(self, image: Tensor, layers: Collection[LayerName]) -> dict[LayerName, Tensor]:
        """The feature maps of images at these layers; none deeper is computed.

        Args:
            image: (B, 3, H, W) in 0 to 1.

        Returns:
            {layer: (B, C, ⌊H/s⌋, ⌊W/s⌋)}, in the network's precision, s = 1, 2, 4, 8, 16.
        """
        weight = self.convolutions[LAYERS[0]].weight
        if any(self.mean):
            # Numbers, not a tensor: that would be copied to a card, which waits for it.
            channels = zip(image.unbind(dim=1), self.mean, strict=True)
            image = torch.stack([channel - mean for channel, mean in channels], dim=1)
        x = image.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
        kept: dict[LayerName, Tensor] = {}
        with exact_convolutions():
            for layer, convolution in self.convolutions.items():
                if len(kept) == len(set(layers)):
                    break
                check_interruption()
                x = pooled(x, self.pooling) if layer in POOLED_BEFORE else x
                x = convolution(x, self.padding, self.dtype)
                if layer in layers:
                    kept[layer] = x
        return kept


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
