"""Coarse to fine: which sizes are painted, with how many iterations each.

Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017), section 6:
strokes that are larger than the network sees come in where the picture is small.
"""

from dataclasses import dataclass

from pastiche.engine.images import fitted

FACTOR = 2.0
"""By what each scale is larger than the one before."""

SHORTEST_SIDE = 32
"""No scale is smaller than this, in pixels on its shorter side, but the only one."""

MOST_SCALES = 4

FINER = 0.75
"""How many iterations a scale gets for one of the next coarser: coarse ones are cheap."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One size of the pyramid: its longest side, (H, W), and how many iterations it gets."""

    longest_side: int
    size: tuple[int, int]
    iterations: int

    @property
    def cost(self) -> int:
        """Pixels times iterations."""
        return self.size[0] * self.size[1] * self.iterations


def scales(height: int, width: int, longest_side: int, iterations: int) -> list[Scale]:
    """The scales of an image of this shape, coarse to fine; their iterations add up exactly."""
    sides = [longest_side]
    while len(sides) < min(MOST_SCALES, iterations):
        coarser = round(sides[0] / FACTOR)
        if min(fitted(height, width, coarser)) < SHORTEST_SIDE:
            break
        sides.insert(0, coarser)
    counts = _shared_out(iterations, len(sides))
    return [
        Scale(side, fitted(height, width, side), count)
        for side, count in zip(sides, counts, strict=True)
    ]


def _shared_out(iterations: int, parts: int) -> list[int]:
    """Iterations for each scale: each gets `FINER` of the one before, and all of them one."""
    shares = [FINER**index for index in range(parts)]
    counts = [max(1, int(iterations * share / sum(shares))) for share in shares]
    counts[0] += iterations - sum(counts)
    return counts
