"""Nine pictures at once against nine one by one: python -m benchmarks.together [SIZE]

Their weights differ, their images do not. Told: the seconds of both, by turns, and for each picture
the objective it ends with over that of the same picture painted alone, both evaluated in float32.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from torch import Tensor

from benchmarks.pairs import BACKBONE, PAIRS, example
from benchmarks.reference import Reference
from pastiche import Options
from pastiche.engine.allocator import keep_freed_memory
from pastiche.engine.backbones import choose_backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.precision import best_device
from pastiche.engine.scene import Scene
from pastiche.engine.scenes import Scenes
from pastiche.engine.stylize import followed, paint, paint_together
from pastiche.pyramid import scales

TENTHS = range(1, 10)
ROUNDS = 3


def together(inputs: Inputs, several: Sequence[Options], scenes: Scenes) -> list[Tensor]:
    """All of them at once."""
    painting = paint_together(inputs, several, scenes=scenes)
    while True:
        try:
            next(painting)
        except StopIteration as end:
            pictures: list[Tensor] = end.value
            return pictures


def objective(inputs: Inputs, options: Options, picture: Tensor) -> float:
    """What a picture ends with, in float32."""
    exact = replace(options, precision="float32")
    scene = Scene.of(inputs, exact, choose_backbone(BACKBONE))
    scale = scales(*scene.size, exact)[-1]
    return Reference(scene.objective(scale, exact)).loss(picture.to(best_device())).item()


def main(arguments: Sequence[str]) -> None:
    """Prints the seconds of each round, and the ratios of the objectives."""
    keep_freed_memory()
    size = int(arguments[0]) if arguments else 128
    several = [
        Options(size=size, content_weight=a / 10, style_weight=1 - a / 10, backbone=BACKBONE)
        for a in TENTHS
    ]
    (content, style), *_ = PAIRS
    inputs = Inputs(example("content", content), (example("style", style),))
    inputs = inputs.checked(several[0]).to(best_device())
    scenes = Scenes()
    followed(paint(inputs, several[0], scenes=scenes), lambda _: None)
    for _ in range(ROUNDS):
        began = perf_counter()
        at_once = together(inputs, several, scenes)
        middle = perf_counter()
        singly = [followed(paint(inputs, each, scenes=scenes), lambda _: None) for each in several]
        one, other = middle - began, perf_counter() - middle
        sys.stdout.write(f"at once {one:.1f} s, singly {other:.1f} s, ratio {one / other:.2f}\n")
    for options, one_picture, other_picture in zip(several, at_once, singly, strict=True):
        ratio = objective(inputs, options, one_picture) / objective(inputs, options, other_picture)
        sys.stdout.write(f"  α = {options.content_weight:.1f}: objective {ratio - 1:+.2%}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
