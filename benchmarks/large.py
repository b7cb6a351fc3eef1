"""A picture of 3840×2160 in 6 GB: python -m benchmarks.large

A few iterations of it, two at the full size: the optimiser's history lies there from the first, so
more take no more memory. The most that the process had resident goes to
`benchmarks/results/large.json`.
"""

import json
import sys
from time import perf_counter

from torch.nn import functional

from benchmarks.machine import machine
from benchmarks.memory import resident_megabytes
from benchmarks.pairs import BACKBONE, PAIRS, RESULTS, example
from pastiche import Options
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.inputs import Inputs
from pastiche.engine.run import Run

HEIGHT, WIDTH = 2160, 3840
MEMORY_BYTES = 6_000_000_000


def main() -> None:
    """Prints the most after each iteration, and writes the last."""
    retain_freed_memory()
    (content, style), *_ = PAIRS
    photograph = functional.interpolate(
        example("content", content), size=(HEIGHT, WIDTH), mode="bicubic"
    )
    inputs = Inputs(photograph.clamp(0, 1), (example("style", style),))
    options = Options(size=WIDTH, scale_iterations=(1, 1, 1, 2), backbone=BACKBONE)
    begun = perf_counter()
    for progress in Run(inputs, options, memory_bytes=MEMORY_BYTES):
        seconds, peak = perf_counter() - begun, resident_megabytes()
        sys.stdout.write(
            f"scale {progress.scale}, iteration {progress.iteration}: "
            f"{seconds:5.0f} s, at most {peak:.0f} MB\n"
        )
        sys.stdout.flush()
    found = {"machine": machine(), "given_bytes": MEMORY_BYTES, "peak_megabytes": peak}
    (RESULTS / "large.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
