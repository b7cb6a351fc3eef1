"""VGG-19's convolutions: an image in, feature maps at named layers out.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configuration E; with average pooling, which Gatys, Ecker and Bethge (2016), section 2, prefer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.options import LAYERS, LayerName, Padding, Pooling

_WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


def _block(layer: LayerName) -> int:
    return int(layer[len("relu")])


CHANNELS: dict[LayerName, tuple[int, int]] = {
    "relu1_1": (3, 64),
    **{layer: (_WIDTHS[_block(last)], _WIDTHS[_block(layer)]) for last, layer in pairwise(LAYERS)},
}
"""Every layer in order, with the channels that come in and go out."""

POOLED_BEFORE = frozenset(layer for last, layer in pairwise(LAYERS) if _block(last) < _block(layer))
"""The layers that begin a block: half the resolution of what comes before."""

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER: LayerName = "relu4_2"


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer's filters, (C_out, C_in, 3, 3), and biases, (C_out)."""

    weight: Tensor
    bias: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Convolution":
        weight = self.weight.to(device, dtype, memory_format=torch.channels_last)
        return Convolution(weight, self.bias.to(device, dtype))

    def __call__(self, features: Tensor, padding: Padding = "replicate") -> Tensor:
        """(1, C_in, H, W) → (1, C_out, H, W), rectified."""
        return F.relu(F.conv2d(padded(features, padding), self.weight, self.bias), inplace=True)


@dataclass(frozen=True, slots=True)
class Backbone:
    """A VGG-19 with frozen filters.

    Attributes:
        name: `imagenet`, `caffe` or `whitened`.
        sha256: of its weights file; None where it has none.
        convolutions: by layer, in the order of `CHANNELS`; the deepest may be missing.
        mean: what is subtracted from the red, green and blue of an image first.
        centre: subtracted from every feature map before its Gram matrix is taken. The paper's
            network has none. Where the mean answer of every filter is 1 by construction, the
            common mean would make up most of the Gram matrix and say nothing of the style.
        shares: by style layer, its share of the style loss (w_l of eq. 5) where none is asked for.
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
    shares: Mapping[LayerName, float] = field(
        default_factory=lambda: {layer: 1 / len(STYLE_LAYERS) for layer in STYLE_LAYERS}
    )
    knows_colour: bool = True
    pooling: Pooling = "average"
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

    def features(self, image: Tensor, layers: Collection[LayerName]) -> dict[LayerName, Tensor]:
        """The feature maps of an image at these layers; none deeper is computed.

        Args:
            image: (1, 3, H, W) in 0 to 1.

        Returns:
            {layer: (1, C, ⌊H/s⌋, ⌊W/s⌋)}, in the network's precision, s = 1, 2, 4, 8, 16.
        """
        weight = self.convolutions[LAYERS[0]].weight
        if any(self.mean):
            image = image - image.new_tensor(self.mean).view(1, 3, 1, 1)
        x = image.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
        kept: dict[LayerName, Tensor] = {}
        for layer, convolution in self.convolutions.items():
            if len(kept) == len(set(layers)):
                break
            x = convolution(pooled(x, self.pooling) if layer in POOLED_BEFORE else x, self.padding)
            x = x.to(self.dtype)
            if layer in layers:
                kept[layer] = x
        return kept


def pooled(features: Tensor, pooling: Pooling = "average") -> Tensor:
    """(1, C, H, W) → (1, C, ⌊H/2⌋, ⌊W/2⌋) from 2×2 each; a side of 1 stays as it is."""
    if pooling == "max":
        return _halved(_halved(features, -2), -1)
    kernel = [min(2, side) for side in features.shape[-2:]]
    return F.avg_pool2d(features, kernel)


def _halved(features: Tensor, axis: int) -> Tensor:
    """The larger of every two along an axis; torch's own on CUDA pulls back in no fixed order."""
    pairs = features.shape[axis] // 2
    if pairs == 0:
        return features
    both = features.narrow(axis, 0, 2 * pairs)
    first, second = (both.transpose(axis, 0)[start::2].transpose(axis, 0) for start in (0, 1))
    return torch.maximum(first, second)


def padded(features: Tensor, padding: Padding) -> Tensor:
    """(1, C, H, W) → (1, C, H+2, W+2): the edges repeated, mirrored, or followed by zeros."""
    if padding == "zeros":
        return F.pad(features, (1, 1, 1, 1))
    if padding == "reflect" and min(features.shape[-2:]) > 1:
        return _Bordered.apply(features, "reflect", 1)  # type: ignore[no-any-return]
    return _Bordered.apply(features, "replicate", 0)  # type: ignore[no-any-return]


class _Bordered(torch.autograd.Function):
    """Padding by one with what lies `inset` inside the edge, with a backward pass of its own.

    That of torch's own on CUDA adds in no fixed order; that of slices put together costs a third
    of an iteration on a processor.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, mode: str, inset: int) -> Tensor:
        ctx.inset = inset
        bordered = F.pad(features, (1, 1, 1, 1), mode=mode)
        return bordered.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (outer,) = gradients  # (1, C, H+2, W+2)
        inner = outer[..., 1:-1, 1:-1].clone(memory_format=torch.channels_last)
        near, far = ctx.inset, -1 - ctx.inset
        for edge, at in ((0, near), (-1, far)):
            inner[..., at, :] += outer[..., edge, 1:-1]
            inner[..., :, at] += outer[..., 1:-1, edge]
            for other, beside in ((0, near), (-1, far)):
                inner[..., at, beside] += outer[..., edge, other]
        return inner, None, None
