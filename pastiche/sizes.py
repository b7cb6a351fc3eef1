"""Heights and widths: the one rule for aspect ratios, for tensors and files alike."""


def fitted(height: int, width: int, longest_side: int) -> tuple[int, int]:
    """The height and width of the same aspect ratio with this longest side, each at least 1."""
    scale = longest_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (height, width) have one aspect ratio, to a pixel or a hundredth: both may have
    been rounded."""
    wanted = fitted(*other, max(size))
    return all(
        abs(side - fitting) <= max(1.0, 0.01 * fitting)
        for side, fitting in zip(size, wanted, strict=True)
    )
