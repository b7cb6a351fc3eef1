"""Measures the memory of a picture of 3840×2160 in 6 GB: python -m benchmarks.large

It runs a few iterations, two of them at the full size. More would not take more memory, because the
optimiser allocates its history at the first one. The peak resident memory of the process goes to
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
    """Prints the peak after each iteration, and writes the last one to the file."""
    retain_freed_memory()
    (content, style), *_ = PAIRS
    photograph = functional.interpolate(
        example("content", content), size=(HEIGHT, WIDTH), mode="bicubic"
    )
    inputs = Inputs(photograph.clamp(0, 1), (example("style", style),))
    options = Options(size=WIDTH, scale_iterations=(1, 1, 1, 2), backbone=BACKBONE)
    began = perf_counter()
    for progress in Run(inputs, options, memory_bytes=MEMORY_BYTES):
        seconds, peak = perf_counter() - began, resident_megabytes()
        sys.stdout.write(
            f"scale {progress.scale}, iteration {progress.iteration}: "
            f"{seconds:5.0f} s, peak {peak:.0f} MB\n"
        )
        sys.stdout.flush()
    found = {"machine": machine(), "given_bytes": MEMORY_BYTES, "peak_megabytes": peak}
    (RESULTS / "large.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
