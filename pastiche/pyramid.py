"""Coarse to fine: which sizes are painted, with how many iterations each.

Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017), section 6:
strokes that are larger than the network sees come in where the picture is small.
"""

from dataclasses import dataclass

from pastiche.options import OptionError, Options
from pastiche.sizes import fitted

SHORTEST_SIDE = 32
"""No scale is smaller than this, in pixels on its shorter side, but the only one."""


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


LEAST_SIDE = 16
"""No scale that `scale_iterations` sets is smaller, on its shorter side: the network
halves it four times."""


def scales(height: int, width: int, options: Options) -> list[Scale]:
    """The scales of an image of this shape, coarse to fine.

    Raises:
        OptionError: `scale_iterations` has so many numbers that the coarsest scale is too small.
    """
    counts = options.scale_iterations
    if counts:
        sides = _sides(options, len(counts))
        _check_coarsest(height, width, sides)
    else:
        sides = _sides(options, min(options.scales, options.iterations))
        sides = _large_enough(height, width, sides)
        counts = _shared_out(options.iterations, len(sides))
    return [
        Scale(side, fitted(height, width, side), count)
        for side, count in zip(sides, counts, strict=True)
    ]


def _sides(options: Options, count: int) -> list[int]:
    """The longest sides of this many scales, coarse to fine."""
    sides = [round(options.size / options.scale_factor**index) for index in range(count)]
    return sides[::-1]


def _large_enough(height: int, width: int, sides: list[int]) -> list[int]:
    """The sides of scales that show something, and the full size."""
    *coarse, full = sides
    return [*(s for s in coarse if min(fitted(height, width, s)) >= SHORTEST_SIDE), full]


def _check_coarsest(height: int, width: int, sides: list[int]) -> None:
    rows, columns = fitted(height, width, sides[0])
    if len(sides) > 1 and min(rows, columns) < LEAST_SIDE:
        raise OptionError(
            "scale_iterations",
            f"must have fewer numbers: the first of its {len(sides)} scales would be "
            f"{columns}×{rows} pixels, where {LEAST_SIDE} on the shorter side are the least.",
        )


def _shared_out(iterations: int, parts: int) -> tuple[int, ...]:
    """Iterations for each scale, coarse to fine: as many at each, and what is left over at full
    size. Coarse scales lay out the large strokes and cost little: docs/engine.md has the figures.
    """
    each = iterations // parts
    return (*(parts - 1) * [each], iterations - (parts - 1) * each)
