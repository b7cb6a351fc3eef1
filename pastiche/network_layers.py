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
"""The same with `whitened`. Its deep filters know these two images by heart: what they ask for
cannot be painted anywhere else, and pulling at it hard gives noise."""

STYLE_LAYER_WEIGHT: Mapping[Normalisation, float] = {"paper": 0.2, "neural-style": 1.0}
"""The weight of a style layer where none are given; with `pastiche` it is the backbone's own."""


def default_shares(backbone: str) -> Mapping[LayerName, float]:
    """A backbone's own shares of the style loss, by layer."""
    return WHITENED_SHARES if backbone == "whitened" else VGG_SHARES


def layer_weights(
    options: Options, network_shares: Mapping[LayerName, float]
) -> tuple[dict[LayerName, float], dict[LayerName, float]]:
    """The weights of the content's and of the style's layers; layers of weight 0 are left out.

    Args:
        network_shares: the backbone's own, of the style's layers.
    """
    usual = network_shares
    if options.normalisation in STYLE_LAYER_WEIGHT:
        usual = dict.fromkeys(STYLE_LAYERS, STYLE_LAYER_WEIGHT[options.normalisation])
    contents: Mapping[LayerName, float] = options.content_layers or {CONTENT_LAYER: 1.0}
    are_shares = options.normalisation == "pastiche"  # else the weights are as they are given
    return _weighted(contents, are_shares), _weighted(options.style_layers or usual, are_shares)


def compared_layers(
    options: Options, network_shares: Mapping[LayerName, float]
) -> frozenset[LayerName]:
    """Every layer whose feature map is compared."""
    contents, styles = layer_weights(options, network_shares)
    return frozenset({*contents, *styles})


def _weighted(weights: Mapping[LayerName, float], are_shares: bool) -> dict[LayerName, float]:
    whole = sum(weights.values()) if are_shares else 1.0
    return {layer: weight / whole for layer, weight in weights.items() if weight}


def stride_at(layer: LayerName) -> int:
    """How many pixels lie between two positions of this layer."""
    before = LAYERS[: 1 + LAYERS.index(layer)]
    return int(2 ** sum(each in POOLED_BEFORE for each in before))


def halo_width(layers: Collection[LayerName]) -> int:
    """How many pixels around a tile the deepest of these layers sees, rounded up to the grid.

    A 3×3 convolution sees one position farther to each side, a pooling none: 70 pixels at relu5_1.
    """
    deepest = max(LAYERS.index(layer) for layer in layers)
    seen = sum(stride_at(layer) for layer in LAYERS[: deepest + 1])
    return GRID * ceil(seen / GRID)
