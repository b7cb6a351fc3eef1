"""Measures the loss of quality by bfloat16: its final objective, relative to that of float32.

Both are evaluated in float32: python -m benchmarks.precision [SIZE …]
"""

import sys
from collections.abc import Sequence

from benchmarks.pairs import BACKBONE, PAIRS, example
from pastiche import Options, stylize_tensors
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.sizes import scales

SIZES = (128, 256)


def compare_precisions(content: str, style: str, size: int) -> tuple[float, float]:
    """The final objective of a bfloat16 run and of a float32 run, evaluated in float32."""
    exact = Options(size=size, precision="float32", backbone=BACKBONE)
    inputs = Inputs(example("content", content), (example("style", style),))
    inputs = inputs.checked(exact).copy(best_device())
    prepared = PreparedInputs.prepare(inputs, exact, choose_backbone(BACKBONE))
    targets = prepared.build_targets(scales(*prepared.size, exact)[-1], exact)
    objective = Objective.build(prepared.network, targets, exact)
    rough = Options(size=size, precision="bfloat16", backbone=BACKBONE)
    pictures = (stylize_tensors(inputs.content, inputs.styles, each) for each in (rough, exact))
    one, other = (evaluate(objective, each.to(best_device())) for each in pictures)
    return one.value.item(), other.value.item()


def main(arguments: Sequence[str]) -> None:
    """Prints a line for each pair and size."""
    for size in [int(each) for each in arguments] or SIZES:
        for content, style in PAIRS:
            rough, exact = compare_precisions(content, style, size)
            sys.stdout.write(
                f"{content} × {style}, {size} px: bfloat16 {rough:.4f}, float32 {exact:.4f}, "
                f"{rough / exact - 1:+.2%}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
