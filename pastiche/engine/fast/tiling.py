"""An image computed tile by tile, with the same numbers as for the whole image.

The Gram matrices that a style loss needs are sums over positions, and the gradient at a position
depends on the rest of the image only through those sums. So an image may be cut into tiles. The
network sees each tile with a halo as wide as its receptive field, and only the positions of the
tile itself count.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil

import torch
from torch import Tensor

from pastiche.network_layers import GRID, halo_width, size_at, stride_at
from pastiche.options import LayerName

ComputeFeatures = Callable[[Tensor, Collection[LayerName]], dict[LayerName, Tensor]]
"""`Backbone.features`: the feature maps of an image at some layers."""


@dataclass(frozen=True, slots=True)
class Span:
    """A tile's rows, or its columns, in pixels of the whole image.

    Attributes:
        start, stop: of the tile itself. `stop` is None at the image's far edge.
        halo_start, halo_stop: of the tile with its halo. `halo_stop` is None at that edge.
    """

    start: int
    stop: int | None
    halo_start: int
    halo_stop: int | None

    def in_image(self, stride: int) -> slice:
        """The tile itself, as a slice of a feature map of the whole image."""
        return slice(self.start // stride, None if self.stop is None else self.stop // stride)

    def in_halo(self, stride: int) -> slice:
        """The tile itself, as a slice of a feature map of the tile with its halo."""
        stop = None if self.stop is None else (self.stop - self.halo_start) // stride
        return slice((self.start - self.halo_start) // stride, stop)


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image."""

    rows: Span
    columns: Span

    def with_halo(self, image: Tensor) -> Tensor:
        """The tile and its halo, cut out of an image, (…, H, W)."""
        rows, columns = self.rows, self.columns
        return image[..., rows.halo_start : rows.halo_stop, columns.halo_start : columns.halo_stop]

    def without_halo(self, features: Tensor, layer: LayerName) -> Tensor:
        """The tile itself, cut out of a feature map of the tile with its halo."""
        stride = stride_at(layer)
        return features[..., self.rows.in_halo(stride), self.columns.in_halo(stride)]

    def crop(self, features: Tensor, layer: LayerName) -> Tensor:
        """The tile itself, cut out of a feature map of the whole image."""
        stride = stride_at(layer)
        return features[..., self.rows.in_image(stride), self.columns.in_image(stride)]


WHOLE = Tile(Span(0, None, 0, None), Span(0, None, 0, None))
"""The one tile that is the whole image."""


def split_image(
    size: tuple[int, int], side: int | None, layers: Collection[LayerName]
) -> list[Tile]:
    """The tiles of an image, row by row.

    Args:
        size: (H, W) of the image.
        side: how wide and high a tile may be without its halo, in pixels, a multiple of 16. None
            for the whole image as one tile.
    """
    if side is None:
        return [WHOLE]
    halo = halo_width(layers)
    rows, columns = (_split_length(length, side, halo) for length in size)
    return [Tile(*both) for both in product(rows, columns)]


def iterate_features(
    compute: ComputeFeatures, image: Tensor, layers: Collection[LayerName], side: int | None
) -> Iterator[tuple[Tile, dict[LayerName, Tensor]]]:
    """Each tile with the feature maps of its positions, without the halo."""
    for tile in split_image((image.shape[2], image.shape[3]), side, layers):
        features = compute(tile.with_halo(image), layers)
        yield tile, {layer: tile.without_halo(each, layer) for layer, each in features.items()}


def compute_features(
    compute: ComputeFeatures, image: Tensor, layers: Collection[LayerName], side: int | None
) -> dict[LayerName, Tensor]:
    """The feature maps of a whole image, assembled from its tiles."""
    if side is None:
        return compute(image, layers)
    height, width = image.shape[-2:]
    whole: dict[LayerName, Tensor] = {}
    for tile, features in iterate_features(compute, image, layers, side):
        for layer, part in features.items():
            if layer not in whole:
                shape = (*part.shape[:2], *size_at(layer, height, width))
                whole[layer] = torch.empty(
                    shape,
                    dtype=part.dtype,
                    device=part.device,
                    memory_format=torch.channels_last,
                )
            tile.crop(whole[layer], layer).copy_(part)
    return whole


def _split_length(length: int, side: int, halo: int) -> list[Span]:
    """Splits a length into parts of about the same length that begin on the grid."""
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
