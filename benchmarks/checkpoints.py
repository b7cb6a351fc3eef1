"""Measures the cost of checkpoints: python -m benchmarks.checkpoints [SIZE …]

It paints and stores checkpoints in a folder as a worker does, as often as by default, and reports
the share of the time that storing takes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.pairs import BACKBONE, PAIRS, example
from pastiche import Options
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.inputs import Inputs
from pastiche.engine.run import Run
from shared.blob_store import BlobStore
from shared.settings import Settings
from worker.snapshots import Checkpoints

SIZES = (256, 512, 1024)
SECONDS = 60
"""The minimum time of painting at each size."""


def measure(size: int, folder: Path) -> str:
    """How often a checkpoint was stored, its size, and the share of the time that storing took."""
    (content, style), *_ = PAIRS
    inputs = Inputs(example("content", content), (example("style", style),))
    options = Options(size=size, scale_iterations=(2000,), stall_tolerance=0, backbone=BACKBONE)
    blobs = BlobStore.open(folder.as_uri())
    checkpoints = Checkpoints("job", "1-a", blobs, Settings().checkpoint_seconds)
    began, storing, count, iterations = perf_counter(), 0.0, 0, 0
    run = Run(inputs, options)
    for _ in run:
        iterations += 1
        if checkpoints.is_due:
            before = perf_counter()
            checkpoints.store(run.save_checkpoint)
            storing, count = storing + perf_counter() - before, count + 1
        if count and perf_counter() - began > SECONDS:
            break
    seconds = perf_counter() - began
    megabytes = sum(each.stat().st_size for each in folder.rglob("*.pt")) / 1e6
    return (
        f"{size:5} px: {iterations} iterations in {seconds:.0f} s, stored {count} times, "
        f"{megabytes:.0f} MB, {1000 * storing / count:.0f} ms each: {storing / seconds:.2%}"
    )


def main(arguments: Sequence[str]) -> None:
    """Prints a line for each size."""
    retain_freed_memory()
    for size in [int(each) for each in arguments] or SIZES:
        with TemporaryDirectory() as folder:
            sys.stdout.write(measure(size, Path(folder)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
