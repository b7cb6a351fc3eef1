"""What is told of a painting while it goes on: how far it is, and what the losses are."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from torch import Tensor

from pastiche.engine.checkpoint import Checkpoint, Place
from pastiche.engine.objective import Term, TermName
from pastiche.engine.readings import LateReader
from pastiche.options import LayerName
from pastiche.pyramid import Scale

TOLD: tuple[TermName, ...] = ("content", "style", "tv", "gamut")
"""The terms that a watcher is told of."""

PATIENCE = 8
"""After how many iterations in a row without a finite objective the painting is given up."""

STALL_WINDOW = 10
"""Over how many iterations the objective must fall for a scale to go on."""


class Diverged(ArithmeticError):
    """The objective is no longer a finite number, and the optimiser did not find back."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration that was done.

    Attributes:
        iteration: from 1, over all scales, of `iterations`; fewer may be done where scales end
            early.
        scale: from 1, coarse to fine, of `scales`.
        losses: `content`, `style`, `tv` and `gamut` (what colours outside it cost), each with its
            weight in it, and `total`, their sum. On a GPU they are of the iteration before, so
            that it need not be waited for.
        layers: of `content` and `style`, what each layer has in it.
        work: the share of the whole cost that is done, in 0 to 1.
        picture: gives the picture as it stands, (1, 3, h, w) in 0 to 1 on the CPU: a preview.
        checkpoint: gives what the painting can be taken up from again. Like `picture` it is to be
            called before the next iteration, which uses the same memory.
        save: writes that checkpoint to a file, without a copy of it in memory.
    """

    iteration: int
    iterations: int
    scale: int
    scales: int
    losses: dict[str, float]
    layers: dict[TermName, dict[LayerName, float]]
    work: float
    picture: Callable[[], Tensor]
    checkpoint: Callable[[], Checkpoint]
    save: Callable[[Path | IO[bytes]], None]


class Tally:
    """Counts what is done of the plan."""

    def __init__(self, plan: list[Scale], stall_tolerance: float, place: Place) -> None:
        self._plan = plan
        self._whole = sum(scale.cost for scale in plan)
        self._tolerance = stall_tolerance
        self._scale, self._done, self._iteration = place.scale, place.done, place.iteration
        self._totals = list(place.totals)
        self._values: dict[Term, float] = {}
        self._lost = 0
        self._reader = LateReader()

    @property
    def place(self) -> Place:
        """How far the painting is."""
        return Place(self._scale, self._done, self._iteration, tuple(self._totals))

    @property
    def scale_is_over(self) -> bool:
        """Whether the iterations of this scale are done, or no longer lower the objective."""
        return self._done >= self._plan[self._scale].iterations or self._is_stalled()

    def count(self, terms: tuple[Term, ...], values: Tensor) -> None:
        """One more iteration, with the values of these terms."""
        self._done += 1
        self._iteration += 1
        self._note(dict(zip(terms, self._reader.read(values), strict=True)))

    def next_scale(self) -> None:
        """One scale is over, another begins."""
        self._scale, self._done = self._scale + 1, 0
        self.forget()

    def forget(self) -> None:
        """The objective is another from here on; what a card has not told yet is of the old one."""
        self._totals, self._reader = [], LateReader()

    def progress(
        self,
        picture: Callable[[], Tensor],
        checkpoint: Callable[[], Checkpoint],
        save: Callable[[Path | IO[bytes]], None],
    ) -> Progress:
        """What is told of the newest iteration."""
        scale = self._plan[self._scale]
        before = sum(each.cost for each in self._plan[: self._scale])
        return Progress(
            iteration=self._iteration,
            iterations=sum(each.iterations for each in self._plan),
            scale=self._scale + 1,
            scales=len(self._plan),
            losses=self._losses(),
            layers=self._layers(),
            work=(before + self._done * scale.cost // scale.iterations) / self._whole,
            picture=picture,
            checkpoint=checkpoint,
            save=save,
        )

    def _note(self, values: dict[Term, float]) -> None:
        """Keeps the newest values that are finite; Diverged after too many others."""
        total = sum(values.values())
        if math.isfinite(total):
            self._lost, self._values = 0, values
            self._totals.append(total)
            return
        self._lost += 1
        if self._lost >= PATIENCE or self._iteration == 1:  # then there is nothing to go back to
            raise Diverged("The objective is no finite number any more.")

    def _is_stalled(self) -> bool:
        if not self._tolerance or len(self._totals) <= STALL_WINDOW:
            return False
        before, lately = min(self._totals[:-STALL_WINDOW]), min(self._totals[-STALL_WINDOW:])
        return before - lately < self._tolerance * before

    def _losses(self) -> dict[str, float]:
        named: dict[str, float] = {
            name: sum(value for term, value in self._values.items() if term.name == name)
            for name in TOLD
        }
        return {**named, "total": sum(self._values.values())}

    def _layers(self) -> dict[TermName, dict[LayerName, float]]:
        layers: dict[TermName, dict[LayerName, float]] = {"content": {}, "style": {}}
        for term, value in self._values.items():
            if term.layer is not None:
                layers[term.name][term.layer] = value
        return layers
