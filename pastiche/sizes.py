"""Heights and widths: the one rule for aspect ratios, for tensors and files alike."""

from pastiche.options import Options

STYLE_SIDE = 512
"""The least longest side, in pixels, that the style images have beside the finished pastiche: made
as small as a small pastiche, their strokes would be two pixels wide, and no longer look like any.
Smaller scales of it see them smaller by as much."""


def fitted(height: int, width: int, longest_side: int) -> tuple[int, int]:
    """The height and width of the same aspect ratio with this longest side, each at least 1."""
    scale = longest_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (height, width) have one aspect ratio, to a pixel or a hundredth: both may have
    been rounded."""
    expected = fitted(*other, max(size))
    return all(
        abs(side - fitting) <= max(1.0, 0.01 * fitting)
        for side, fitting in zip(size, expected, strict=True)
    )


def style_side(side: int, options: Options) -> float:
    """The longest side of the style images, in pixels, where the pastiche's is `side`; one that
    has fewer pixels is used at its own size, unless `enlarges_styles`."""
    factor = 1.0
    if options.normalisation == "pastiche":
        factor = max(1.0, STYLE_SIDE / options.size)
    return options.style_scale * factor * side


def enlarges_styles(options: Options) -> bool:
    """Whether a style image with fewer pixels than `style_side` is enlarged, as by the paper and
    neural_style.lua: it then has no more detail, and strokes as large as they should be."""
    return options.normalisation != "pastiche"
