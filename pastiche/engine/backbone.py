"""VGG's convolutions: an image in, feature maps at named layers out.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configurations D and E: VGG-16, and VGG-19, which has one more layer in each of blocks 3 to 5.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from pastiche.engine.fast.convolution import (
    FastConvolution,
    NetworkPooling,
    convolve,
    convolve_and_pool,
    pool,
)
from pastiche.engine.fast.cuda import exact_arithmetic
from pastiche.engine.interruption import check_interruption
from pastiche.engine.normalisation import Units
from pastiche.engine.plain import Convolution
from pastiche.network_layers import POOLED_BEFORE
from pastiche.options import LAYERS, LayerName, Options, Padding, StyleStatistic

VGG_UNITS: Mapping[StyleStatistic, Units] = {
    "moments": Units(45.0, 540.0, {"squared": 300.0, "absolute": 30.0}),
    "gram": Units(45.0, 1440.0, {"squared": 300.0, "absolute": 30.0}),
}
"""The units of networks that were trained on photographs."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A VGG-16 or VGG-19 with frozen filters.

    Attributes:
        name: `vgg16`, `vgg19`, `vgg19-caffe` or `whitened`.
        sha256: the digest of its weights; None where it has none.
        convolutions: by layer, in the order of `CHANNELS`, down to the deepest that is needed.
        mean: what is subtracted from the red, green and blue of an image first.
        centre: what is subtracted from every feature map, 0 in the paper's network.
        units: by style statistic, what weights of 1 stand for.
        is_trained: whether it was trained on photographs. Such a network sees every colour, and its
            deep layers separate what is shown from its colours. A network that is fitted to a few
            images does neither, so the content image gets the style's palette, and the pastiche is
            restricted to that palette.
        pooling, padding: as in `Options`.
        dtype: of the feature maps.
    """

    name: str
    sha256: str | None
    convolutions: Mapping[LayerName, Convolution]
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre: float = 0.0
    units: Mapping[StyleStatistic, Units] = field(default_factory=lambda: VGG_UNITS)
    is_trained: bool = True
    pooling: NetworkPooling = "average"
    padding: Padding = "replicate"
    dtype: torch.dtype = torch.float32

    def to(self, device: torch.device, dtype: torch.dtype) -> "Backbone":
        """The same network on a device and in a precision, with its layers prepared for them.

        In bfloat16 the first layer stays in float32. Only this layer sees the pixels, and the eight
        bits of bfloat16 resolve less than a screen does. It has 0.2 % of the multiplications.
        """
        first_dtype = torch.float32 if dtype == torch.bfloat16 else dtype
        convolutions = {
            layer: FastConvolution.prepare(
                each, device, first_dtype if layer == LAYERS[0] else dtype, dtype
            )
            for layer, each in self.convolutions.items()
        }
        return replace(self, convolutions=convolutions, dtype=dtype)

    def centred(self, centre: float) -> "Backbone":
        """The same network, with `centre` subtracted from every feature map.

        For a network whose filters all have the same mean activation. That mean makes up most of a
        Gram matrix and says nothing about the style. Subtracting it costs nothing, because it goes
        into the biases.
        """
        convolutions = {
            layer: _subtract(centre, each, from_input=layer != LAYERS[0])
            for layer, each in self.convolutions.items()
        }
        return replace(self, convolutions=convolutions, centre=self.centre + centre)

    def features(self, image: Tensor, layers: Collection[LayerName]) -> dict[LayerName, Tensor]:
        """The feature maps of images at these layers. Deeper layers are not computed.

        Args:
            image: (B, 3, H, W) in 0 to 1.

        Returns:
            {layer: (B, C, ⌊H/s⌋, ⌊W/s⌋)}, in the network's precision, s = 1, 2, 4, 8, 16.
        """
        weight = self.convolutions[LAYERS[0]].weight
        if any(self.mean):
            # Subtract numbers: a tensor would be copied to the GPU, and the CPU would wait.
            channels = zip(image.unbind(dim=1), self.mean, strict=True)
            image = torch.stack([channel - mean for channel, mean in channels], dim=1)
        x = image.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
        maps: dict[LayerName, Tensor] = {}
        next_layer = dict(pairwise(self.convolutions))
        with exact_arithmetic():
            for layer, convolution in self.convolutions.items():
                if len(maps) == len(set(layers)):
                    break
                check_interruption()
                is_pooled = next_layer.get(layer) in POOLED_BEFORE
                if is_pooled and self.pooling == "max" and layer not in layers:
                    x = convolve_and_pool(x, convolution, self.padding, self.dtype)
                    continue
                x = convolve(x, convolution, self.padding, self.dtype)
                if layer in layers:
                    maps[layer] = x
                x = pool(x, self.pooling) if is_pooled else x
        return maps


class BackboneSource(Protocol):
    """A backbone that was chosen. Its network exists once the images are known. It is hashable.

    Attributes:
        name: `vgg16`, `vgg19`, `vgg19-caffe` or `whitened`.
        sha256: the digest of its weights, None where it has none.
    """

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str | None: ...

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network for these images, down to the deepest of these layers.

        Args:
            images: the content image in the styles' colours and the style images, (1, 3, H, W) in
                0 to 1, in float32 on the device to paint on.
        """
        ...


def _subtract(constant: float, convolution: Convolution, *, from_input: bool) -> Convolution:
    """The same layer with `constant` subtracted from its output.

    Args:
        from_input: whether the constant was subtracted from its input, too.
    """
    bias, padding_value = convolution.bias - constant, convolution.padding_value
    if from_input:
        bias = bias + constant * convolution.weight.sum(dim=(1, 2, 3))
        padding_value -= constant
    return Convolution(convolution.weight, bias, padding_value, convolution.threshold - constant)
