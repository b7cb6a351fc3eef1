"""VGG's layers: what comes in and goes out, how far each sees, and which of them are compared.

It needs nothing but Python, so that a run's memory can be estimated where torch is not installed.
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
"""Every layer of VGG-19 in order, with the channels that come in and go out; VGG-16's are the same,
without the last of blocks 3 to 5."""

POOLED_BEFORE = frozenset(layer for last, layer in pairwise(LAYERS) if _block(last) < _block(layer))
"""The layers that begin a block: half the resolution of what comes before."""

GRID = 16
"""Where tiles may begin, in pixels: on every layer's grid of pooled positions."""

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER: LayerName = "relu4_2"

VGG_SHARES: Mapping[LayerName, float] = dict.fromkeys(STYLE_LAYERS[:-1], 0.25)
"""Of the style loss, by layer. relu5_1 is left out: it costs a sixth of the convolutions, and with
it the same strokes leave less of the photograph."""

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
"""The weight of a style layer where none are given; with `pastiche` it is the backbone's own."""


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
    """As shares of 1 with the normalisation `pastiche`, else as they are given."""
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

    A 3×3 convolution sees one position farther to each side, a pooling none: 70 pixels at relu5_1.
    """
    deepest = max(LAYERS.index(layer) for layer in layers)
    seen = sum(stride_at(layer) for layer in LAYERS[: deepest + 1])
    return GRID * ceil(seen / GRID)
