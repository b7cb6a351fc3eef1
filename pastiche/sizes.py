"""The sizes of images, and the pyramid: which sizes are painted, with how many iterations each.

Coarse to fine as in Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR
2017), section 6. Strokes that are larger than the network's receptive field are painted while the
picture is small.
"""

from dataclasses import dataclass

from pastiche.options import OptionError, Options

STYLE_SIDE = 512
"""The minimum longest side of the style images, in pixels, for the full size of the pastiche. In
images as small as a small pastiche, the strokes would be two pixels wide, and no longer look like
strokes. At coarser scales the style images shrink in proportion."""

SHORTEST_SIDE = 32
"""The minimum shorter side of a scale, in pixels, unless it is the only one."""


def fitted(height: int, width: int, longest_side: int) -> tuple[int, int]:
    """The height and width of the same aspect ratio with this longest side, each at least 1."""
    scale = longest_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (height, width) have the same aspect ratio, within a pixel or a hundredth,
    because both may have been rounded."""
    expected = fitted(*other, max(size))
    return all(
        abs(side - fitting) <= max(1.0, 0.01 * fitting)
        for side, fitting in zip(size, expected, strict=True)
    )


def style_side(side: int, options: Options) -> float:
    """The longest side that style images should have, in pixels, for a pastiche of `side`."""
    factor = 1.0
    if options.normalisation == "pastiche":
        factor = max(1.0, STYLE_SIDE / options.size)
    return options.style_scale * factor * side


def enlarges_styles(options: Options) -> bool:
    """Whether a style image smaller than `style_side` is enlarged, as in the paper and in
    neural_style.lua. Then its strokes have the right size, but no more detail than before."""
    return options.normalisation != "pastiche"


def style_size(style: tuple[int, int], side: int, options: Options) -> tuple[int, int]:
    """The (height, width) at which a style image is used for a pastiche whose longest side is
    `side`. It is not enlarged, unless `enlarges_styles`."""
    longest_side = style_side(side, options)
    if not enlarges_styles(options):
        longest_side = min(longest_side, max(style))
    return fitted(*style, round(longest_side))


@dataclass(frozen=True, slots=True)
class Scale:
    """One size of the pyramid: its longest side, (H, W), and how many iterations it gets.

    Attributes:
        style_ratio: the longest side that style images should have, relative to the longest side of
            the scale.
    """

    longest_side: int
    size: tuple[int, int]
    iterations: int
    style_ratio: float = 1.0

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.size[0] * self.size[1]

    @property
    def style_pixels(self) -> float:
        """How many pixels a style image of the same aspect ratio should have."""
        return self.pixels * self.style_ratio**2

    @property
    def cost(self) -> int:
        """Pixels times iterations."""
        return self.pixels * self.iterations


LEAST_SIDE = 16
"""The minimum shorter side of a scale that `scale_iterations` sets: the network halves it four
times."""


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
        *coarse, full = _sides(options, min(options.scales, options.iterations))
        # Leave out scales that are too small to show anything.
        coarse = [side for side in coarse if min(fitted(height, width, side)) >= SHORTEST_SIDE]
        sides = [*coarse, full]
        counts = _distribute(options.iterations, len(sides))
    ratio = style_side(1, options)
    return [
        Scale(side, fitted(height, width, side), count, ratio)
        for side, count in zip(sides, counts, strict=True)
    ]


def _sides(options: Options, count: int) -> list[int]:
    """The longest sides of this many scales, coarse to fine."""
    sides = [round(options.size / options.scale_factor**index) for index in range(count)]
    return sides[::-1]


def _check_coarsest(height: int, width: int, sides: list[int]) -> None:
    rows, columns = fitted(height, width, sides[0])
    if len(sides) > 1 and min(rows, columns) < LEAST_SIDE:
        raise OptionError(
            "scale_iterations",
            f"must have fewer numbers: the first of its {len(sides)} scales would be "
            f"{columns}×{rows} pixels, and the minimum is {LEAST_SIDE} on the shorter side.",
        )


def _distribute(iterations: int, parts: int) -> tuple[int, ...]:
    """The iterations of each scale, coarse to fine: the same number for each, and the remainder at
    full size. Coarse scales lay out the large strokes and cost little: docs/engine.md has the
    figures."""
    each = iterations // parts
    return (*(parts - 1) * [each], iterations - (parts - 1) * each)
