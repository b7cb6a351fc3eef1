"""VGG's layers: their channels, their receptive fields, and which of them are compared.

This module needs only Python, so that a run's memory can be estimated without torch.
"""

from collections.abc import Collection, Mapping
from itertools import pairwise
from math import ceil

from pastiche.options import LAYERS, LayerName, Normalisation, Options

_WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


def _block(layer: LayerName) -> int:
    return int(layer[len("relu")])


CHANNELS: dict[LayerName, tuple[int, int]] = {
    "relu1_1": (3, 64),
    **{layer: (_WIDTHS[_block(last)], _WIDTHS[_block(layer)]) for last, layer in pairwise(LAYERS)},
}
"""Every layer of VGG-19 in order, with its numbers of input and output channels. VGG-16 has the
same layers, without the last one of blocks 3 to 5."""

POOLED_BEFORE = frozenset(layer for last, layer in pairwise(LAYERS) if _block(last) < _block(layer))
"""The layers that begin a block, at half the resolution of the previous block."""

GRID = 16
"""Tiles begin at multiples of this number of pixels, which every layer's pooling divides."""

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER: LayerName = "relu4_2"

VGG_SHARES: Mapping[LayerName, float] = dict.fromkeys(STYLE_LAYERS[:-1], 0.25)
"""The share of each layer in the style loss. relu5_1 is left out: it takes a sixth of the time of
the convolutions, and with it the same strokes leave less of the photograph."""

WHITENED_SHARES: Mapping[LayerName, float] = {
    "relu1_1": 0.3,
    "relu2_1": 0.3,
    "relu3_1": 0.3,
    "relu4_1": 0.07,
    "relu5_1": 0.03,
}
"""The same with `whitened`. Its deep filters overfit the job's images: large weights on them
produce noise."""

STYLE_LAYER_WEIGHT: Mapping[Normalisation, float] = {"paper": 0.2, "neural-style": 1.0}
"""The default weight of a style layer. With `pastiche` the backbone has its own."""


def content_layer_weights(options: Options) -> dict[LayerName, float]:
    """The weights of the content's layers; layers of weight 0 are left out."""
    return _weighted(options.content_layers or {CONTENT_LAYER: 1.0}, options)


def style_layer_weights(options: Options, backbone: str) -> dict[LayerName, float]:
    """The weights of the style's layers, by default the backbone's own; layers of weight 0 are left
    out."""
    usual = WHITENED_SHARES if backbone == "whitened" else VGG_SHARES
    if options.normalisation in STYLE_LAYER_WEIGHT:
        usual = dict.fromkeys(STYLE_LAYERS, STYLE_LAYER_WEIGHT[options.normalisation])
    return _weighted(options.style_layers or usual, options)


def compared_layers(options: Options, backbone: str) -> frozenset[LayerName]:
    """Every layer whose feature map is compared."""
    return frozenset({*content_layer_weights(options), *style_layer_weights(options, backbone)})


def _weighted(weights: Mapping[LayerName, float], options: Options) -> dict[LayerName, float]:
    """The weights, divided by their sum if the normalisation is `pastiche`."""
    whole = sum(weights.values()) if options.normalisation == "pastiche" else 1.0
    return {layer: weight / whole for layer, weight in weights.items() if weight}


def stride_at(layer: LayerName) -> int:
    """How many pixels lie between two positions of this layer."""
    before = LAYERS[: 1 + LAYERS.index(layer)]
    return int(2 ** sum(each in POOLED_BEFORE for each in before))


def size_at(layer: LayerName, height: int, width: int) -> tuple[int, int]:
    """(H, W) of this layer's feature map of an image."""
    for _ in range(stride_at(layer).bit_length() - 1):
        height, width = max(1, height // 2), max(1, width // 2)
    return height, width


def halo_width(layers: Collection[LayerName]) -> int:
    """How many pixels around a tile the deepest of these layers sees, rounded up to the grid.

    A convolution of 3×3 extends the receptive field by one position on each side, pooling by none.
    At relu5_1 this gives 70 pixels.
    """
    deepest = max(LAYERS.index(layer) for layer in layers)
    seen = sum(stride_at(layer) for layer in LAYERS[: deepest + 1])
    return GRID * ceil(seen / GRID)
