"""Networks that are small or random, for tests."""

from functools import cache

import torch

from pastiche.engine.backbone import Backbone
from pastiche.engine.fast.convolution import NetworkPooling
from pastiche.engine.plain import Convolution
from pastiche.network_layers import CHANNELS
from pastiche.options import LayerName, Padding


def thinned_channels(thinner: int) -> dict[LayerName, tuple[int, int]]:
    """`CHANNELS` with fewer channels in every layer. An image still has three."""
    return {
        layer: (incoming if incoming == 3 else incoming // thinner, outgoing // thinner)
        for layer, (incoming, outgoing) in CHANNELS.items()
    }


@cache
def random_backbone(
    seed: int = 0,
    pooling: NetworkPooling = "average",
    padding: Padding = "replicate",
    scale: float = 1.0,
    thinner: int = 1,
) -> Backbone:
    """A VGG-19 with He-initialised filters in float64: nothing is fitted to anything.

    Args:
        thinner: by how much the number of channels in each layer is divided.
    """
    generator = torch.Generator().manual_seed(seed)
    convolutions = {}
    for layer, (incoming, outgoing) in thinned_channels(thinner).items():
        shape = (outgoing, incoming, 3, 3)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        bias = 0.1 * torch.randn(outgoing, generator=generator, dtype=torch.float64)
        convolutions[layer] = Convolution(scale * weight * (2 / (9 * incoming)) ** 0.5, bias)
    mean = (0.4, 0.5, 0.6)
    return Backbone(
        "random",
        None,
        convolutions,
        mean=mean,
        pooling=pooling,
        padding=padding,
        dtype=torch.float64,
    )
