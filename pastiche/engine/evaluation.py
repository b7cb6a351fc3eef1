"""The objective at a picture, and its gradient, computed at once or tile by tile."""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor

from pastiche.engine.fast.cuda import exact_arithmetic
from pastiche.engine.fast.memory import release_freed_memory
from pastiche.engine.fast.tiling import WHOLE, Tile, split_image
from pastiche.engine.interruption import check_interruption
from pastiche.engine.objective import (
    Evaluation,
    FeatureMaps,
    Losses,
    Objective,
    Sums,
    TermSums,
)


def evaluate(objective: Objective, image: Tensor, tile_side: int | None = None) -> Evaluation:
    """The objective at an image.

    Args:
        image: (1, 3, H, W).
        tile_side: how wide and high a tile may be, in pixels, a multiple of 16. None for the
            image as a whole. The result is the same up to rounding.
    """
    image = image.detach()
    tiles = split_image((image.shape[2], image.shape[3]), tile_side, objective.targets.layers)
    with exact_arithmetic():
        if len(tiles) == 1:
            gradient, losses = _evaluate_whole(objective, image)
        else:
            gradient, losses = _evaluate_tiles(objective, image, tiles)
    return objective.add_pixel_terms(image, gradient, losses)


@torch.enable_grad()
def _evaluate_whole(objective: Objective, image: Tensor) -> tuple[Tensor, Losses]:
    """The gradient of the content and style terms at the pixels, and these terms."""
    part = _Part(objective, image, WHOLE)
    losses = objective.losses(objective.measure(part.maps))
    if objective.normalises_gradients:
        losses = losses.normalise(objective.gradient_norms(part.maps, losses))
    return part.backward(losses), losses


@torch.enable_grad()
def _evaluate_tiles(
    objective: Objective, image: Tensor, tiles: Sequence[Tile]
) -> tuple[Tensor, Losses]:
    """As `_evaluate_whole`, with the feature maps of one tile at a time."""
    release_freed_memory()  # feature maps of tiles do not fit the gaps that a whole picture leaves
    losses = objective.losses(_sum_tiles(objective, image, tiles, Objective.measure))
    if objective.normalises_gradients:
        norms = partial(Objective.gradient_norms, losses=losses)
        losses = losses.normalise(_sum_tiles(objective, image, tiles, norms))
    gradient = torch.zeros_like(image)
    for tile in tiles:
        tile.with_halo(gradient).add_(_Part(objective, image, tile).backward(losses))
        check_interruption()
    release_freed_memory()  # nor does a whole picture fit the gaps that tiles leave
    return gradient, losses


@torch.no_grad()
def _sum_tiles(
    objective: Objective,
    image: Tensor,
    tiles: Sequence[Tile],
    compute: Callable[[Objective, FeatureMaps], TermSums[Sums]],
) -> TermSums[Sums]:
    parts = (_Part(objective, image, tile) for tile in tiles)
    return reduce(add, (compute(part.objective, part.maps) for part in parts))


class _Part:
    """A tile's feature maps, and the objective for them. The gradients at the feature maps have a
    closed form, so autograd only differentiates the convolutions."""

    def __init__(self, objective: Objective, image: Tensor, tile: Tile) -> None:
        layers = objective.targets.layers
        self.objective = objective if tile is WHOLE else objective.crop(tile)
        self._pixels = tile.with_halo(image).detach().requires_grad_(True)
        features = objective.backbone.features(self._pixels, layers)
        self.maps = {layer: tile.without_halo(each, layer) for layer, each in features.items()}

    def backward(self, losses: Losses) -> Tensor:
        """The gradient at the pixels of the tile and its halo, (1, 3, h, w)."""
        gradients = self.objective.feature_gradients(self.maps, losses)
        maps = [self.maps[layer] for layer in gradients]
        loss = _WithGradients.apply(*maps, *gradients.values())
        (gradient,) = torch.autograd.grad(loss, self._pixels)
        return gradient


class _WithGradients(torch.autograd.Function):
    """A scalar whose gradients at some feature maps are known.

    `torch.autograd.grad` can take these gradients, too, but it imports sympy to compare their
    shapes, which takes a second or more and 40 MB in the first iteration of a process.
    """

    @staticmethod
    def forward(ctx: Any, *maps_and_gradients: Tensor) -> Tensor:
        ctx.gradients = maps_and_gradients[len(maps_and_gradients) // 2 :]
        return maps_and_gradients[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, ...]:
        return (*ctx.gradients, *[None] * len(ctx.gradients))
