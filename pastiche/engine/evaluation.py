"""The objective at a picture and its gradient, through the network: whole or in tiles, one or many.

The gradients at the feature maps are known in closed form; only the convolutions are left to
automatic differentiation.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from pastiche.engine.allocator import give_back_freed_memory
from pastiche.engine.objective import (
    Evaluation,
    FeatureMaps,
    GradientNorms,
    LossGradients,
    Objective,
    Sums,
)
from pastiche.engine.precision import exact_convolutions
from pastiche.engine.tiles import Tile, tiles_of

Added = TypeVar("Added", Sums, GradientNorms)


def _nothing() -> None:
    pass


def evaluate(
    objectives: Sequence[Objective],
    images: Tensor,
    tile_side: int | None = None,
    between_tiles: Callable[[], None] = _nothing,
) -> list[Evaluation]:
    """Each objective at its image.

    Args:
        objectives: with one network and the same layers.
        images: (B, 3, H, W), one for each objective.
        tile_side: how wide and high a tile may be, in pixels, a multiple of 16; None for the
            picture at once. The result is the same, to rounding.
        between_tiles: called after each tile; an exception of its own ends the evaluation.
    """
    images = images.detach()
    with exact_convolutions():
        gradient, losses = _through_network(objectives, images, tile_side, between_tiles)
    return [
        objective.completed(images[b : b + 1], gradient[b : b + 1], at_sums)
        for b, (objective, at_sums) in enumerate(zip(objectives, losses, strict=True))
    ]


def _through_network(
    objectives: Sequence[Objective],
    images: Tensor,
    tile_side: int | None,
    between_tiles: Callable[[], None],
) -> tuple[Tensor, list[LossGradients]]:
    """The gradient of the content and style terms at the pixels, and these terms."""
    size = (images.shape[2], images.shape[3])
    tiles = tiles_of(size, tile_side, objectives[0].targets.layers)
    if len(tiles) == 1:
        view = _TileFeatures(objectives, images, tiles[0])
        losses = _at_sums(objectives, view.sums())
        if objectives[0].normalises_gradients:
            losses = _divided(losses, view.gradient_norms(losses))
        return view.gradient(losses), losses
    give_back_freed_memory()  # nor do maps of tiles fill the gaps of whole pictures
    losses = _at_sums(objectives, _over_tiles(objectives, images, tiles, between_tiles, _sums))
    if objectives[0].normalises_gradients:
        at_sums = losses
        norms = _over_tiles(
            objectives, images, tiles, between_tiles, lambda view: view.gradient_norms(at_sums)
        )
        losses = _divided(losses, norms)
    gradient = torch.zeros_like(images)
    for tile in tiles:
        tile.seen(gradient).add_(_TileFeatures(objectives, images, tile).gradient(losses))
        between_tiles()
    give_back_freed_memory()  # what tiles leave has gaps that no whole picture fits
    return gradient, losses


@torch.no_grad()
def _over_tiles(
    objectives: Sequence[Objective],
    images: Tensor,
    tiles: Sequence[Tile],
    between_tiles: Callable[[], None],
    of_tile: Callable[["_TileFeatures"], list[Added]],
) -> list[Added]:
    """What each objective has of all positions, added up tile by tile."""
    whole = of_tile(_TileFeatures(objectives, images, tiles[0]))
    for tile in tiles[1:]:
        between_tiles()
        here = of_tile(_TileFeatures(objectives, images, tile))
        whole = [one + more for one, more in zip(whole, here, strict=True)]
    return whole


def _sums(view: "_TileFeatures") -> list[Sums]:
    return view.sums()


def _at_sums(objectives: Sequence[Objective], sums: Sequence[Sums]) -> list[LossGradients]:
    return [
        objective.gradients_at_sums(each) for objective, each in zip(objectives, sums, strict=True)
    ]


def _divided(
    losses: Sequence[LossGradients], norms: Sequence[GradientNorms]
) -> list[LossGradients]:
    return [each.divided(norm) for each, norm in zip(losses, norms, strict=True)]


class _TileFeatures:
    """The feature maps of a tile of the images, and what each objective computes from them."""

    def __init__(self, objectives: Sequence[Objective], images: Tensor, tile: Tile) -> None:
        network, layers = objectives[0].backbone, objectives[0].targets.layers
        self._objectives, self._tile = objectives, tile
        self._pixels = tile.seen(images).detach().requires_grad_(True)
        features = network.features(self._pixels, layers)
        self._features = {layer: tile.of_seen(each, layer) for layer, each in features.items()}

    @torch.no_grad()
    def sums(self) -> list[Sums]:
        """What the tile adds to the sums of each objective."""
        return [
            objective.sums(self._of(b), self._tile) for b, objective in enumerate(self._objectives)
        ]

    @torch.no_grad()
    def gradient_norms(self, losses: Sequence[LossGradients]) -> list[GradientNorms]:
        """What the tile adds to the norms of each objective's gradients."""
        return [
            objective.gradient_norms(self._of(b), at_sums, self._tile)
            for b, (objective, at_sums) in enumerate(zip(self._objectives, losses, strict=True))
        ]

    def gradient(self, losses: Sequence[LossGradients]) -> Tensor:
        """The gradient at the pixels that the tile sees, of its own positions, (B, 3, h, w)."""
        with torch.no_grad():
            gradients = [
                objective.gradients_at_features(self._of(b), at_sums, self._tile)
                for b, (objective, at_sums) in enumerate(zip(self._objectives, losses, strict=True))
            ]
        outputs = [self._features[layer] for layer in gradients[0]]
        batched = [_batched([each[layer] for each in gradients]) for layer in gradients[0]]
        (gradient,) = torch.autograd.grad(outputs, self._pixels, batched)
        return gradient

    def _of(self, b: int) -> FeatureMaps:
        return {layer: each[b : b + 1] for layer, each in self._features.items()}


def _batched(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
