"""Shows `benchmarks.side_by_side` as a plot and as a table: python -m benchmarks.report

It reads the results of `benchmarks.side_by_side` and `benchmarks.memory`, draws the objective over
time, and prints how many times faster the engine was, and the cost of both.
"""

import json
import sys
from pathlib import Path
from statistics import geometric_mean, mean
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.pairs import RESULTS
from benchmarks.side_by_side import WITHIN

PAGES = Path("docs/pictures")

COLOURS = {"engine": "#c2410c", "reference": "#475569"}
NAMES = {"engine": "Pastiche", "reference": "plain float32, torch.optim.LBFGS"}


def draw(pairs: list[dict[str, Any]]) -> None:
    """Draws a panel for each pair and size: the distance of the 8-bit picture from the best, over
    time."""
    sizes = sorted({pair["size"] for pair in pairs})
    columns = max(sum(pair["size"] == size for pair in pairs) for size in sizes)
    figure, panels = plt.subplots(
        len(sizes), columns, figsize=(3.6 * columns, 3.2 * len(sizes)), squeeze=False
    )
    for row, size in zip(panels, sizes, strict=True):
        for panel, pair in zip(row, _of(pairs, size), strict=True):
            _draw(panel, pair)
    panels[0][0].legend(frameon=False, fontsize=8)
    figure.supxlabel("seconds")
    figure.supylabel("objective of the picture in 8 bits, over the best")
    figure.tight_layout()
    for folder in (RESULTS, PAGES):
        figure.savefig(folder / "side_by_side.png", dpi=110)


def _draw(panel: Axes, pair: dict[str, Any]) -> None:
    for name, run in pair["runs"].items():
        over_best = [score / pair["best"] - 1 for score in run["scores"]]
        panel.plot(run["seconds"], over_best, color=COLOURS[name], label=NAMES[name])
    goals = [factor - 1 for factor in WITHIN]
    for goal in goals:
        panel.axhline(goal, color="#d6d3d1", linewidth=0.8, zorder=0)
    panel.set(xscale="log", yscale="log", ylim=(0.005, 4), yticks=goals, yticklabels=WITHIN)
    panel.minorticks_off()
    panel.set_title(f"{pair['content']} × {pair['style']}, {pair['size']} px", fontsize=9)


def table(pairs: list[dict[str, Any]]) -> str:
    """A table in Markdown: how many times faster the engine came within a factor of the best."""
    lines = ["| within | " + " | ".join(f"{size} px" for size in _sizes(pairs)) + " |"]
    lines.append("| --- |" + " --- |" * len(_sizes(pairs)))
    for factor in WITHIN:
        cells = [_cell(pairs, size, str(factor)) for size in _sizes(pairs)]
        lines.append(f"| {factor:g} × best | " + " | ".join(cells) + " |")
    for words, cell in (("evaluations until then", _evaluations), ("an evaluation", _pace)):
        lines.append(
            f"| {words} | " + " | ".join(cell(_of(pairs, s)) for s in _sizes(pairs)) + " |"
        )
    return "\n".join(lines)


def memory(found: dict[str, Any]) -> str:
    """A sentence with the peak memory of both."""
    engine, reference = (found["peak_megabytes"][who] / 1000 for who in NAMES)
    return (
        f"{found['size']} px: {engine:.1f} GB of peak resident memory, "
        f"{reference:.1f} GB for the plain implementation: {engine / reference:.2f}"
    )


def _sizes(pairs: list[dict[str, Any]]) -> list[int]:
    return sorted({pair["size"] for pair in pairs})


def _of(pairs: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    return [pair for pair in pairs if pair["size"] == size]


def _evaluations(pairs: list[dict[str, Any]]) -> str:
    """How many evaluations each needs to reach the last goal, including coarse scales."""
    counts: dict[str, list[int]] = {name: [] for name in NAMES}
    for pair in pairs:
        for name, seen in counts.items():
            run = pair["runs"][name]
            scored = zip(run["evaluations"], run["scores"], strict=True)
            within = (done for done, score in scored if score <= WITHIN[-1] * pair["best"])
            seen.append(next(within, run["done"]))
    return " : ".join(f"{mean(seen):.0f}" for seen in counts.values())


def _pace(pairs: list[dict[str, Any]]) -> str:
    seconds = (mean(pair["seconds_an_evaluation"][name] for pair in pairs) for name in NAMES)
    return " : ".join(f"{each:.2f} s" for each in seconds)


def _cell(pairs: list[dict[str, Any]], size: int, factor: str) -> str:
    """The mean ratio and its range. A reference that never reached the goal counts with all its
    time."""
    ratios, not_reached = [], 0
    for pair in _of(pairs, size):
        engine = pair["seconds"]["engine"][factor]
        reference = pair["seconds"]["reference"][factor]
        if engine is None:
            return "not reached"
        not_reached += reference is None
        ratios.append((reference or pair["runs"]["reference"]["spent"]) / engine)
    bound = "more than " if not_reached else ""
    return f"{bound}{geometric_mean(ratios):.1f} × ({min(ratios):.1f} to {max(ratios):.1f})"


def main() -> None:
    """Draws the plot and prints the table."""
    pairs = json.loads((RESULTS / "side_by_side.json").read_text())["pairs"]
    draw(pairs)
    sys.stdout.write(table(pairs) + "\n\n")
    sys.stdout.write(memory(json.loads((RESULTS / "memory.json").read_text())) + "\n")


if __name__ == "__main__":
    main()
