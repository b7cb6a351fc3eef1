"""The objective and its gradient at a picture, through the network: as a whole, or in tiles.

The gradients at the feature maps have a closed form; only the convolutions are left to autograd.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import TypeVar

import torch
from torch import Tensor

from pastiche.engine.fast.cuda import exact_convolutions
from pastiche.engine.fast.memory import release_freed_memory
from pastiche.engine.fast.tiling import WHOLE, Tile, split_image
from pastiche.engine.interruption import check_interruption
from pastiche.engine.objective import (
    Evaluation,
    FeatureSums,
    GradientNorms,
    Losses,
    Objective,
)

Sums = TypeVar("Sums", FeatureSums, GradientNorms)


def evaluate(objective: Objective, image: Tensor, tile_side: int | None = None) -> Evaluation:
    """The objective at an image.

    Args:
        image: (1, 3, H, W).
        tile_side: how wide and high a tile may be, in pixels, a multiple of 16; None for the
            image as a whole. The result is the same, to rounding.
    """
    image = image.detach()
    tiles = split_image((image.shape[2], image.shape[3]), tile_side, objective.targets.layers)
    with exact_convolutions():
        if len(tiles) == 1:
            gradient, losses = _evaluate_whole(objective, image, tiles[0])
        else:
            gradient, losses = _evaluate_tiles(objective, image, tiles)
    return objective.add_pixel_terms(image, gradient, losses)


def _evaluate_whole(objective: Objective, image: Tensor, tile: Tile) -> tuple[Tensor, Losses]:
    """The gradient of the content and style terms at the pixels, and these terms."""
    features = _Features(objective, image, tile)
    losses = objective.losses(features.measure())
    if objective.normalises_gradients:
        losses = losses.normalise(features.gradient_norms(losses))
    return features.backward(losses), losses


def _evaluate_tiles(
    objective: Objective, image: Tensor, tiles: Sequence[Tile]
) -> tuple[Tensor, Losses]:
    """As `_evaluate_whole`, with the feature maps of one tile at a time."""
    release_freed_memory()  # the maps of tiles do not fit the gaps that a whole picture leaves
    losses = objective.losses(_sum_tiles(objective, image, tiles, lambda each: each.measure()))
    if objective.normalises_gradients:
        unscaled = losses
        norms = _sum_tiles(objective, image, tiles, lambda each: each.gradient_norms(unscaled))
        losses = losses.normalise(norms)
    gradient = torch.zeros_like(image)
    for tile in tiles:
        tile.with_halo(gradient).add_(_Features(objective, image, tile).backward(losses))
        check_interruption()
    release_freed_memory()  # nor does a whole picture fit the gaps that tiles leave
    return gradient, losses


@torch.no_grad()
def _sum_tiles(
    objective: Objective,
    image: Tensor,
    tiles: Sequence[Tile],
    compute: Callable[["_Features"], Sums],
) -> Sums:
    """What adds up over the tiles."""
    return reduce(add, (compute(_Features(objective, image, tile)) for tile in tiles))


class _Features:
    """The feature maps of a tile, and what the objective computes from them."""

    def __init__(self, objective: Objective, image: Tensor, tile: Tile) -> None:
        network, layers = objective.backbone, objective.targets.layers
        self._objective = objective if tile is WHOLE else objective.crop(tile)
        self._pixels = tile.with_halo(image).detach().requires_grad_(True)
        features = network.features(self._pixels, layers)
        self._maps = {layer: tile.without_halo(each, layer) for layer, each in features.items()}

    @torch.no_grad()
    def measure(self) -> FeatureSums:
        return self._objective.measure(self._maps)

    @torch.no_grad()
    def gradient_norms(self, losses: Losses) -> GradientNorms:
        return self._objective.gradient_norms(self._maps, losses)

    def backward(self, losses: Losses) -> Tensor:
        """The gradient at the pixels of the tile and its halo, (1, 3, h, w)."""
        with torch.no_grad():
            gradients = self._objective.feature_gradients(self._maps, losses)
        outputs = [self._maps[layer] for layer in gradients]
        (gradient,) = torch.autograd.grad(outputs, self._pixels, list(gradients.values()))
        return gradient
