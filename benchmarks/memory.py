"""Measures the memory of a painting: python -m benchmarks.memory [SIZE]

The engine and the plain implementation each paint a few iterations at one size, in separate
processes. Their peak resident memory goes to `benchmarks/results/memory.json`.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, PAIRS, RESULTS, example
from benchmarks.reference import minimise, plain_problem
from pastiche import Options
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.run import Run
from pastiche.options import Precision
from pastiche.sizes import scales

ITERATIONS = 12
"""Enough to fill the history of L-BFGS, which both use."""


def resident_megabytes() -> float:
    """The peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bytes_each = 1 if sys.platform == "darwin" else 1024
    return peak * bytes_each / 1e6


def measure_peak(name: str, size: int, memory: int | None) -> dict[str, float]:
    """Measures the peak before and after a few iterations."""
    precision: Precision = "auto" if name == "engine" else "float32"
    options = Options(
        size=size, scale_iterations=(ITERATIONS,), backbone=BACKBONE, precision=precision
    )
    (content, style), *_ = PAIRS
    inputs = Inputs(example("content", content), (example("style", style),)).checked(options)
    before = resident_megabytes()
    if name == "engine":
        retain_freed_memory()
        for _ in Run(inputs, options, memory_bytes=memory):
            pass
    else:
        prepared = PreparedInputs.prepare(
            inputs.copy(best_device()), options, choose_backbone(BACKBONE)
        )
        scale = scales(*prepared.size, options)[-1]
        running = minimise(
            plain_problem(
                Objective.build(prepared.network, prepared.build_targets(scale, options), options)
            ),
            prepared.start(scale.size, options),
        )
        for _ in range(ITERATIONS):
            next(running)
    return {"before": before, "peak": resident_megabytes()}


def main(arguments: Sequence[str]) -> None:
    """Measures each in its own process, and prints the peaks and their ratio."""
    if len(arguments) > 1:
        name, size, *memory = arguments
        measured = measure_peak(name, int(size), int(memory[0]) if memory else None)
        sys.stdout.write(json.dumps(measured))
        return
    size = arguments[0] if arguments else "1024"
    peaks: dict[str, float] = {}
    for name in ("engine", "reference"):
        command = [sys.executable, "-m", "benchmarks.memory", name, size]
        measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        peaks[name] = measured["peak"]
        sys.stdout.write(f"{name:10} {measured['peak']:7.0f} MB, {measured['before']:.0f} before\n")
    sys.stdout.write(f"ratio      {peaks['engine'] / peaks['reference']:7.2f}\n")
    found = {"machine": machine(), "size": int(size), "peak_megabytes": peaks}
    (RESULTS / "memory.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
