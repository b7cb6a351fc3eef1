"""Compares numbers of iterations at the scales: python -m benchmarks.schedule [SIZE]

For several schedules of the coarse scales, it prints the seconds until the objective of the 8-bit
picture at full size is within 1.1, 1.05 and 1.02 times the best of all schedules, and the last
objective relative to the best. The seconds are the engine's time, including coarse scales.
"""

import sys
from collections.abc import Sequence
from statistics import geometric_mean

from benchmarks.pairs import PAIRS
from benchmarks.side_by_side import Duel, Run, advance

COARSE: dict[int, tuple[tuple[int, ...], ...]] = {
    256: ((), (30,), (80,), (20, 20), (40, 40), (60, 40), (100, 70), (160, 100)),
    512: ((), (40,), (20, 20), (20, 20, 20), (60, 40, 30), (30, 30, 60), (90, 65, 50)),
}
AT_FULL_SIZE = {256: 110, 512: 90}
WITHIN = (1.1, 1.05, 1.02)


def run_schedule(duel: Duel, coarse: tuple[int, ...], count: int) -> Run:
    """Runs one schedule to its end."""
    run, engine = Run(), duel.engine((*coarse, count))
    while advance(run, engine, duel.score):
        pass
    return run


def main(arguments: Sequence[str]) -> None:
    """Prints a line for each schedule: the geometric mean over the pairs."""
    size = int(arguments[0]) if arguments else 256
    found: dict[tuple[int, ...], list[list[float]]] = {coarse: [] for coarse in COARSE[size]}
    for content, style in PAIRS[::2]:
        duel = Duel.of(content, style, size)
        runs = {coarse: run_schedule(duel, coarse, AT_FULL_SIZE[size]) for coarse in COARSE[size]}
        best = min(score for run in runs.values() for score in run.scores)
        for coarse, run in runs.items():
            times = [run.within(factor * best) or float("inf") for factor in WITHIN]
            found[coarse].append([*times, run.scores[-1] / best])
    for coarse, rows in found.items():
        means = [geometric_mean(column) for column in zip(*rows, strict=True)]
        columns = "  ".join(f"{mean:7.3f}" for mean in means)
        sys.stdout.write(f"{'-'.join(map(str, coarse)) or 'none':14} {columns}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
