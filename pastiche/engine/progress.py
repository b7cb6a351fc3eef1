"""The progress of a run: how far it is, and what the losses are."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pastiche.engine.checkpoint import Place
from pastiche.engine.losses import Term, TermName
from pastiche.options import LayerName
from pastiche.sizes import Scale

REPORTED_TERMS: tuple[TermName, ...] = ("content", "style", "tv", "gamut")

MAX_LOST = 8
"""After how many iterations in a row without a finite objective a run is given up."""

STALL_WINDOW = 10
"""Over how many iterations the objective must fall for a scale to continue."""


class Diverged(ArithmeticError):
    """The objective is no longer a finite number, and the optimiser did not recover."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration that was done.

    Attributes:
        iteration: from 1, over all scales, of `iterations`; fewer may be done where scales end
            early.
        scale: from 1, coarse to fine, of `scales`.
        losses: `content`, `style`, `tv` and `gamut` (of colours that no screen shows), each with
            its weight in it, and `total`, their sum. On a GPU they are of the iteration before, so
            that nothing has to wait for it.
        layers: of `content` and `style`, the loss of each layer.
        work: the share of the whole cost that is done, in 0 to 1.
    """

    iteration: int
    iterations: int
    scale: int
    scales: int
    losses: dict[str, float]
    layers: dict[TermName, dict[LayerName, float]]
    work: float


class ProgressTracker:
    """Counts what is done of the plan.

    Attributes:
        place: how far the run is.
    """

    def __init__(self, plan: list[Scale], stall_tolerance: float, place: Place) -> None:
        self._plan, self._tolerance = plan, stall_tolerance
        self.place = place
        self._values: dict[Term, float] = {}
        self._lost = 0
        self._reader = _LossReader()

    @property
    def scale(self) -> Scale:
        """The current scale."""
        return self._plan[self.place.scale]

    @property
    def is_scale_done(self) -> bool:
        """Whether the iterations of this scale are done, or no longer lower the objective."""
        return self.place.done >= self.scale.iterations or self._is_stalled()

    @property
    def is_done(self) -> bool:
        """Whether the last scale is done."""
        return self.place.scale == len(self._plan) - 1 and self.is_scale_done

    def count(self, terms: tuple[Term, ...], values: Tensor) -> None:
        """One more iteration, with the values of these terms.

        Raises:
            Diverged: there was no finite objective for too long.
        """
        done, iteration = self.place.done + 1, self.place.iteration + 1
        self.place = replace(self.place, done=done, iteration=iteration)
        self._record(dict(zip(terms, self._reader.read(values), strict=True)))

    def next_scale(self) -> None:
        """One scale is done, the next begins."""
        self.place = replace(self.place, scale=self.place.scale + 1, done=0)
        self.reset_losses()

    def reset_losses(self) -> None:
        """The objective changed; what a GPU has not delivered yet is of the old one."""
        self.place, self._reader = replace(self.place, totals=()), _LossReader()

    def progress(self) -> Progress:
        """The newest iteration."""
        whole = sum(each.cost for each in self._plan)
        before = sum(each.cost for each in self._plan[: self.place.scale])
        here = self.place.done * self.scale.cost // self.scale.iterations
        losses: dict[str, float] = dict.fromkeys(REPORTED_TERMS, 0.0)
        layers: dict[TermName, dict[LayerName, float]] = {"content": {}, "style": {}}
        for term, value in self._values.items():
            losses[term.name] += value
            if term.layer is not None:
                layers[term.name][term.layer] = value
        return Progress(
            iteration=self.place.iteration,
            iterations=sum(each.iterations for each in self._plan),
            scale=self.place.scale + 1,
            scales=len(self._plan),
            losses={**losses, "total": sum(self._values.values())},
            layers=layers,
            work=(before + here) / whole,
        )

    def _record(self, values: dict[Term, float]) -> None:
        total = sum(values.values())
        if math.isfinite(total):
            self._lost, self._values = 0, values
            self.place = replace(self.place, totals=(*self.place.totals, total))
            return
        self._lost += 1
        # In the first iteration there is nothing to return to.
        if self._lost >= MAX_LOST or self.place.iteration == 1:
            raise Diverged("The objective is no longer a finite number.")

    def _is_stalled(self) -> bool:
        totals = self.place.totals
        if not self._tolerance or len(totals) <= STALL_WINDOW:
            return False
        before, lately = min(totals[:-STALL_WINDOW]), min(totals[-STALL_WINDOW:])
        return before - lately < self._tolerance * before


class _LossReader:
    """Reads small tensors: at once on the CPU, one call late on a GPU.

    Reading a GPU's tensor waits until the GPU has done all that it was given. So each is copied in
    its turn, and read when the next one is on its way.
    """

    def __init__(self) -> None:
        self._copied: tuple[Tensor, torch.Event] | None = None

    def read(self, values: Tensor) -> list[float]:
        """These values; on a GPU those of the call before, except in the first call."""
        if values.device.type != "cuda":
            return [float(value) for value in values.tolist()]
        newest = _copy_without_waiting(values)
        (earlier, arrived), self._copied = self._copied or newest, newest
        arrived.synchronize()
        return [float(value) for value in earlier.tolist()]


def _copy_without_waiting(values: Tensor) -> tuple[Tensor, torch.Event]:
    """A copy that will be in the CPU's memory when the event has come."""
    with torch.cuda.device(values.device):
        host = torch.empty(values.shape, dtype=values.dtype, device="cpu", pin_memory=True)
        host.copy_(values, non_blocking=True)
        arrived = torch.Event("cuda")
        arrived.record()
    return host, arrived
