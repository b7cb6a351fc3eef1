"""The objective at a picture and its gradient, through the network: whole or in tiles, one or many.

The gradients at the feature maps are known in closed form; only the convolutions are left to
automatic differentiation.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pastiche.engine.allocator import give_back_freed_memory
from pastiche.engine.objective import Evaluation, FeatureMaps, Objective, Sums, Verdict
from pastiche.engine.precision import exact_convolutions
from pastiche.engine.tiles import Tile, tiles_of


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
        gradient, verdicts = _through_network(objectives, images, tile_side, between_tiles)
    return [
        objective.completed(images[b : b + 1], gradient[b : b + 1], verdict)
        for b, (objective, verdict) in enumerate(zip(objectives, verdicts, strict=True))
    ]


def _through_network(
    objectives: Sequence[Objective],
    images: Tensor,
    tile_side: int | None,
    between_tiles: Callable[[], None],
) -> tuple[Tensor, list[Verdict]]:
    """The gradient of the content and style terms at the pixels, and these terms."""
    size = (images.shape[2], images.shape[3])
    tiles = tiles_of(size, tile_side, objectives[0].targets.layers)
    if len(tiles) == 1:
        look = _Look(objectives, images, tiles[0])
        verdicts = _judged(objectives, look.sums())
        return look.gradient(verdicts), verdicts
    give_back_freed_memory()  # nor do maps of tiles fill the gaps of whole pictures
    verdicts = _judged(objectives, _summed(objectives, images, tiles, between_tiles))
    gradient = torch.zeros_like(images)
    for tile in tiles:
        tile.seen(gradient).add_(_Look(objectives, images, tile).gradient(verdicts))
        between_tiles()
    give_back_freed_memory()  # what tiles leave has gaps that no whole picture fits
    return gradient, verdicts


@torch.no_grad()
def _summed(
    objectives: Sequence[Objective],
    images: Tensor,
    tiles: Sequence[Tile],
    between_tiles: Callable[[], None],
) -> list[Sums]:
    """What adds up over all positions, tile by tile."""
    sums = _Look(objectives, images, tiles[0]).sums()
    for tile in tiles[1:]:
        between_tiles()
        here = _Look(objectives, images, tile).sums()
        sums = [one + more for one, more in zip(sums, here, strict=True)]
    return sums


def _judged(objectives: Sequence[Objective], sums: Sequence[Sums]) -> list[Verdict]:
    return [objective.judged(each) for objective, each in zip(objectives, sums, strict=True)]


class _Look:
    """What the network sees of a tile of the images, and what each objective makes of it."""

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

    def gradient(self, verdicts: Sequence[Verdict]) -> Tensor:
        """How what the tile answers for pulls at the pixels that it sees, (B, 3, h, w)."""
        with torch.no_grad():
            pulls = [
                objective.pulls(self._of(b), verdict, self._tile)
                for b, (objective, verdict) in enumerate(
                    zip(self._objectives, verdicts, strict=True)
                )
            ]
        outputs = [self._features[layer] for layer in pulls[0]]
        together = [_together([each[layer] for each in pulls]) for layer in pulls[0]]
        (gradient,) = torch.autograd.grad(outputs, self._pixels, together)
        return gradient

    def _of(self, b: int) -> FeatureMaps:
        return {layer: each[b : b + 1] for layer, each in self._features.items()}


def _together(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
