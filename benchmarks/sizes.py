"""Measures whether weights have the same effect at every size.

It prints the ratio of the content and style terms after both have settled:
python -m benchmarks.sizes [SIZE …]
"""

import sys
from collections.abc import Sequence

from benchmarks.pairs import PAIRS, example
from pastiche import Options, stylize_tensors
from pastiche.engine.progress import Progress

SIZES = (256, 512, 1024)
STEPS = {256: (70, 50, 100), 512: (70, 50, 50, 100), 1024: (70, 50, 40, 30, 80)}
"""Enough iterations for the ratio to settle: at 256 px the next hundred change it by 2 %."""


def paint_until_settled(content: str, style: str, size: int) -> Progress:
    """The last iteration of a painting with the default weights."""
    reported: list[Progress] = []
    options = Options(size=size, scale_iterations=STEPS[size], backbone="whitened")
    stylize_tensors(
        example("content", content), example("style", style), options, on_progress=reported.append
    )
    return reported[-1]


def main(arguments: Sequence[str]) -> None:
    """Prints a line for each pair and size."""
    for content, style in PAIRS:
        for size in [int(each) for each in arguments] or SIZES:
            losses = paint_until_settled(content, style, size).losses
            sys.stdout.write(
                f"{content} × {style}, {size} px: content {losses['content']:.3f}, "
                f"style {losses['style']:.3f}, ratio {losses['content'] / losses['style']:.3f}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
