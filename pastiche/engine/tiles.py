"""A picture looked at a part at a time, exactly as if it were looked at whole.

What a style loss needs of a picture, its Gram matrices, is a sum over positions; and what pulls at
a position depends on the picture through those sums alone. So a picture may be cut into tiles: each
is seen with a halo of what lies around it, as far as the network sees, and answers for its own
positions only.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.network_layers import GRID, halo_of, stride_of
from pastiche.options import LayerName


def size_at(layer: LayerName, height: int, width: int) -> tuple[int, int]:
    """(H, W) of this layer's feature map of a picture."""
    for _ in range(stride_of(layer).bit_length() - 1):
        height, width = max(1, height // 2), max(1, width // 2)
    return height, width


@dataclass(frozen=True, slots=True)
class Span:
    """A tile's rows, or its columns, in pixels of the whole picture.

    Attributes:
        start, stop: what it answers for; stop is None at the picture's far edge.
        first, last: what it sees; last is None where it sees that edge.
    """

    start: int
    stop: int | None
    first: int
    last: int | None

    def of_whole(self, stride: int) -> slice:
        """What it answers for, in a feature map of the whole picture."""
        return slice(self.start // stride, None if self.stop is None else self.stop // stride)

    def of_seen(self, stride: int) -> slice:
        """The same, in a feature map of what it sees."""
        stop = None if self.stop is None else (self.stop - self.first) // stride
        return slice((self.start - self.first) // stride, stop)


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture. A map, (…, H, W), is of the whole picture or of what the tile sees."""

    rows: Span
    columns: Span

    def seen(self, image: Tensor) -> Tensor:
        """What the tile sees of an image, its halo included."""
        rows, columns = self.rows, self.columns
        return image[..., rows.first : rows.last, columns.first : columns.last]

    def of_seen(self, features: Tensor, layer: LayerName) -> Tensor:
        """What it answers for, of a feature map of what it sees."""
        stride = stride_of(layer)
        return features[..., self.rows.of_seen(stride), self.columns.of_seen(stride)]

    def of_whole(self, features: Tensor, layer: LayerName) -> Tensor:
        """What it answers for, of a feature map of the whole picture."""
        stride = stride_of(layer)
        return features[..., self.rows.of_whole(stride), self.columns.of_whole(stride)]


WHOLE = Tile(Span(0, None, 0, None), Span(0, None, 0, None))
"""The one tile that is the picture."""


def tiles_of(size: tuple[int, int], side: int | None, layers: Collection[LayerName]) -> list[Tile]:
    """The tiles of a picture, none wider or higher than `side` without its halo, row by row.

    Args:
        size: (H, W) of the picture.
        side: in pixels, a multiple of 16; None for the picture as one tile.
    """
    if side is None:
        return [WHOLE]
    halo = halo_of(layers)
    rows, columns = (_spans(length, side, halo) for length in size)
    return [Tile(*both) for both in product(rows, columns)]


def _spans(length: int, side: int, halo: int) -> list[Span]:
    """Parts of about the same length, each on the grid."""
    each = GRID * ceil(length / ceil(length / side) / GRID)
    starts = [*range(0, length, each), length]
    return [
        Span(
            start,
            None if stop == length else stop,
            max(0, start - halo),
            None if stop + halo >= length else stop + halo,
        )
        for start, stop in pairwise(starts)
    ]


def features_in_tiles(
    network: Backbone, image: Tensor, layers: Collection[LayerName], side: int | None
) -> Iterator[tuple[Tile, dict[LayerName, Tensor]]]:
    """Tile by tile, the feature maps of what it answers for."""
    for tile in tiles_of((image.shape[2], image.shape[3]), side, layers):
        features = network.features(tile.seen(image), layers)
        yield tile, {layer: tile.of_seen(each, layer) for layer, each in features.items()}


def whole_features(
    network: Backbone, image: Tensor, layers: Collection[LayerName], side: int | None
) -> dict[LayerName, Tensor]:
    """The feature maps of an image, put together from its tiles."""
    if side is None:
        return network.features(image, layers)
    height, width = image.shape[-2:]
    whole: dict[LayerName, Tensor] = {}
    for tile, features in features_in_tiles(network, image, layers, side):
        for layer, here in features.items():
            if layer not in whole:
                shape = (*here.shape[:2], *size_at(layer, height, width))
                whole[layer] = torch.empty(
                    shape,
                    dtype=here.dtype,
                    device=here.device,
                    memory_format=torch.channels_last,
                )
            tile.of_whole(whole[layer], layer).copy_(here)
    return whole
