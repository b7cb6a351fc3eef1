"""The progress of a run, and its losses."""

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
"""A run fails after this many iterations in a row without a finite objective."""

STALL_WINDOW = 10
"""The objective must fall within this many iterations, or the scale ends."""


class Diverged(ArithmeticError):
    """The objective is no longer a finite number, and the optimiser did not recover."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished iteration.

    Attributes:
        iteration: its number over all scales, from 1 to `iterations`. A run has fewer iterations if
            scales end early.
        scale: the number of its scale, coarse to fine, from 1 to `scales`.
        losses: the weighted losses `content`, `style`, `tv` and `gamut` (for colours that no screen
            shows), and `total`, their sum. On a GPU they are from the previous iteration, so that
            the CPU does not wait for the GPU.
        layers: the loss of each layer, for `content` and `style`.
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
    """Counts the finished iterations of the plan.

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
        """Whether all iterations of this scale are done, or they no longer lower the objective."""
        return self.place.done >= self.scale.iterations or self._is_stalled()

    @property
    def is_done(self) -> bool:
        """Whether the last scale is done."""
        return self.place.scale == len(self._plan) - 1 and self.is_scale_done

    def count(self, terms: tuple[Term, ...], values: Tensor) -> None:
        """Counts one more iteration, with the values of these terms.

        Raises:
            Diverged: too many iterations in a row had no finite objective.
        """
        done, iteration = self.place.done + 1, self.place.iteration + 1
        self.place = replace(self.place, done=done, iteration=iteration)
        self._record(dict(zip(terms, self._reader.read(values), strict=True)))

    def next_scale(self) -> None:
        """Begins the next scale."""
        self.place = replace(self.place, scale=self.place.scale + 1, done=0)
        self.reset_losses()

    def reset_losses(self) -> None:
        """Discards the losses of an old objective, including those still on their way from a
        GPU."""
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
        # After the first iteration there is no earlier point to return to.
        if self._lost >= MAX_LOST or self.place.iteration == 1:
            raise Diverged("The objective is no longer a finite number.")

    def _is_stalled(self) -> bool:
        totals = self.place.totals
        if not self._tolerance or len(totals) <= STALL_WINDOW:
            return False
        before, newest = min(totals[:-STALL_WINDOW]), min(totals[-STALL_WINDOW:])
        return before - newest < self._tolerance * before


class _LossReader:
    """Reads small tensors: at once on the CPU, one call late on a GPU.

    Reading a GPU's tensor waits until the GPU has finished all its work. So each tensor is copied
    asynchronously, and read at the next call.
    """

    def __init__(self) -> None:
        self._copied: tuple[Tensor, torch.Event] | None = None

    def read(self, values: Tensor) -> list[float]:
        """These values. On a GPU, the values of the previous call, except in the first call."""
        if values.device.type != "cuda":
            return [float(value) for value in values.tolist()]
        newest = _copy_without_waiting(values)
        (earlier, arrived), self._copied = self._copied or newest, newest
        arrived.synchronize()
        return [float(value) for value in earlier.tolist()]


def _copy_without_waiting(values: Tensor) -> tuple[Tensor, torch.Event]:
    """A copy that is in the CPU's memory once the event is recorded."""
    with torch.cuda.device(values.device):
        on_host = torch.empty(values.shape, dtype=values.dtype, device="cpu", pin_memory=True)
        on_host.copy_(values, non_blocking=True)
        arrived = torch.Event("cuda")
        arrived.record()
    return on_host, arrived
