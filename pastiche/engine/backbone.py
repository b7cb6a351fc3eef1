"""VGG's convolutions: an image in, feature maps at named layers out.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configurations D and E, VGG-16 and VGG-19, which differ by the last layers of blocks 3 to 5.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pastiche.engine.interruption import check_interruption
from pastiche.engine.layers import Convolution, NetworkPooling, pooled
from pastiche.engine.precision import exact_convolutions
from pastiche.network_layers import POOLED_BEFORE, VGG_SHARES
from pastiche.options import (
    LAYERS,
    LayerName,
    Padding,
    StyleStatistic,
    Variation,
)


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
