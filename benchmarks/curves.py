"""Plots the losses during a run, for the documentation: python -m benchmarks.curves

It paints one pair and draws each weighted term after each iteration.
"""

from itertools import pairwise

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.pairs import BACKBONE, example
from benchmarks.report import PAGES
from pastiche import Options
from pastiche.engine.inputs import Inputs
from pastiche.engine.run import Run

SIZE = 288
COLOURS = {"content": "#0f766e", "style": "#c2410c", "tv": "#7c3aed"}
WORDS = {"content": "content", "style": "style", "tv": "total variation"}


def main() -> None:
    """Paints the pair, and writes the plot."""
    pair = Inputs(example("content", "harbour"), (example("style", "swirls"),))
    options = Options(size=SIZE, backbone=BACKBONE)
    seen = [(each.scale, each.losses) for each in Run(pair, options)]
    figure, axes = plt.subplots(figsize=(7.5, 3.6))
    iterations = range(1, len(seen) + 1)
    for term, colour in COLOURS.items():
        values = [losses[term] for _, losses in seen]
        axes.plot(iterations, values, color=colour, label=WORDS[term])
    for before, ((coarser, _), (finer, _)) in enumerate(pairwise(seen), start=1):
        if coarser != finer:
            axes.axvline(before + 0.5, color="#d6d3d1", linewidth=0.8, zorder=0)
    axes.set(yscale="log", xlabel="iteration", ylabel="loss, with its weight")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(PAGES / "curves.png", dpi=110)


if __name__ == "__main__":
    main()
