"""What is told of a painting while it goes on: how far it is, and what the losses are."""

import math
from dataclasses import dataclass

from torch import Tensor

from pastiche.engine.objective import TERMS
from pastiche.engine.pyramid import Scale
from pastiche.engine.readings import LateReader

TOLD = ("content", "style", "tv")
"""The terms that a watcher is told of."""

PATIENCE = 8
"""After how many iterations in a row without a finite objective the painting is given up."""


class Diverged(ArithmeticError):
    """The objective is no longer a finite number, and the optimiser did not find back."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration that was done.

    Attributes:
        iteration: from 1, over all scales, of `iterations`.
        scale: from 1, coarse to fine, of `scales`.
        losses: `content`, `style` and `tv`, each with its weight in it, and `total`, their sum
            with what colours outside the gamut cost. On a GPU they are of the iteration before,
            so that it need not be waited for.
        work: the share of the whole cost that is done, in 0 to 1.
        pixels: (1, 3, h, w), the picture as the optimiser has it.
    """

    iteration: int
    iterations: int
    scale: int
    scales: int
    losses: dict[str, float]
    work: float
    pixels: Tensor

    def picture(self) -> Tensor:
        """(1, 3, h, w) in 0 to 1, on the CPU: a preview."""
        return self.pixels.detach().clamp(0, 1).cpu()


class Tally:
    """Counts what is done of the plan."""

    def __init__(self, plan: list[Scale]) -> None:
        self._plan = plan
        self._whole = sum(scale.cost for scale in plan)
        self._iteration = 0
        self._losses: dict[str, float] = {}
        self._lost = 0
        self._reader = LateReader()

    def one_more(self, terms: Tensor, pixels: Tensor) -> Progress:
        self._iteration += 1
        self._note(self._reader.read(terms))
        index, cost = self._place()
        return Progress(
            iteration=self._iteration,
            iterations=sum(scale.iterations for scale in self._plan),
            scale=index + 1,
            scales=len(self._plan),
            losses=self._losses,
            work=cost / self._whole,
            pixels=pixels,
        )

    def _note(self, terms: list[float]) -> None:
        """Keeps the losses of the newest iteration that had any; Diverged after too many others."""
        total = sum(terms)
        if math.isfinite(total):
            self._lost = 0
            named = dict(zip(TERMS, terms, strict=True))
            self._losses = {name: named[name] for name in TOLD} | {"total": total}
            return
        self._lost += 1
        if self._lost > PATIENCE or not self._losses:
            raise Diverged("The objective is no finite number any more.")

    def _place(self) -> tuple[int, int]:
        """At which scale the newest iteration was, and what all of them have cost."""
        left, cost = self._iteration, 0
        for index, scale in enumerate(self._plan):
            if left <= scale.iterations:
                return index, cost + left * scale.cost // scale.iterations
            left, cost = left - scale.iterations, cost + scale.cost
        raise AssertionError("more iterations than were planned")
