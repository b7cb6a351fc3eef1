"""Compares iterations with another checkout: python -m benchmarks.iterations_beside FOLDER

Each checkout has a process with a painting of every size, and they iterate by turns in one run.
The results go to `benchmarks/results/iterations_beside.json`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load_beside import commit_of
from benchmarks.machine import machine
from benchmarks.pairs import RESULTS

SOURCE = Path(__file__).parents[1]
SIZES = (64, 128, 256, 384, 512)
ROUNDS = 6

PAINTER = """
import sys
from statistics import median
from time import perf_counter
from benchmarks.profile import Bench
from pastiche.engine.fast.memory import retain_freed_memory

retain_freed_memory()
benches = {size: Bench(int(size)) for size in sys.argv[1:]}
for bench in benches.values():
    bench.iteration()
print("ready", flush=True)
for size in map(str.strip, sys.stdin):
    seconds = []
    for _ in range(6):
        began = perf_counter()
        benches[size].iteration()
        seconds.append(perf_counter() - began)
    print(median(seconds), flush=True)
"""
"""The program of a painter. It also works with older versions of `benchmarks.profile`."""


class Painter:
    """A process with the engine of a checkout."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def iterate(self, size: int) -> float:
        """The median of a few iterations, in seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()
        return float(self.read())

    def read(self) -> str:
        """The next line that the process prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def painting(source: Path) -> Iterator[Painter]:
    """A painter with the code in this folder, once it is ready."""
    command = [sys.executable, "-c", PAINTER, *map(str, SIZES)]
    environment = os.environ | {"PYTHONPATH": str(source)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=source, env=environment, stdin=pipe, stdout=pipe, text=True
    ) as process:
        painter = Painter(process)
        if painter.read() != "ready":
            sys.exit(f"The engine in {source} did not start.")
        yield painter


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "pastiche").is_dir():
        sys.exit("usage: python -m benchmarks.iterations_beside FOLDER, with another checkout")
    sources = {"other": Path(arguments[0]).resolve(), "this": SOURCE}
    found: dict[str, Any] = {
        "machine": machine(),
        "commits": {name: commit_of(source) for name, source in sources.items()},
        "milliseconds": {},
    }
    with ExitStack() as stack:
        painters = {name: stack.enter_context(painting(each)) for name, each in sources.items()}
        for size in SIZES:
            rounds = [
                {name: 1000 * painter.iterate(size) for name, painter in painters.items()}
                for _ in range(ROUNDS)
            ]
            found["milliseconds"][size] = {
                **{name: median(each[name] for each in rounds) for name in painters},
                "ratio": median(each["this"] / each["other"] for each in rounds),
            }
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    (RESULTS / "iterations_beside.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
