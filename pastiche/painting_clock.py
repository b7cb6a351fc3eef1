"""Estimates how long the rest of a picture takes, from the iterations so far."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import median
from time import monotonic

from pastiche.painting_speed import IterationTimes, PaintingSpeed
from pastiche.sizes import Scale

FEW_ITERATIONS = 5
"""The least number of iterations of a scale, after the first, for an estimate of the others."""

NEWEST = 16
"""How many of the newest iterations of a scale are used to estimate the others."""

NEWEST_RATIOS = 100
"""How many of the newest iterations, of all scales, are compared with those of earlier jobs."""

CHANCE = log(1.15)
"""The logarithm of the largest ratio between the times of these iterations and of earlier jobs that
counts as chance, and says nothing about the other scales."""


@dataclass(slots=True)
class ScaleTimes:
    """How long the iterations of one scale took, in seconds.

    The first iteration also computes the targets, so it is counted separately.

    Attributes:
        first: the time of the first iteration. None before it.
        others: the total time of all others.
        newest: the times of the newest others.
    """

    first: float | None = None
    others: float = 0.0
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=NEWEST))

    def add(self, seconds: float) -> None:
        """Adds an iteration."""
        if self.first is None:
            self.first = seconds
            return
        self.others += seconds
        self.newest.append(seconds)

    @property
    def each(self) -> float | None:
        """How long an iteration takes. None after too few. It is the median, because other work on
        the machine delays single iterations."""
        return median(self.newest) if len(self.newest) >= FEW_ITERATIONS else None


class PaintingClock:
    """The times of one attempt, scale by scale, and an estimate of the rest.

    Args:
        plan: the scales of the painting.
        speed: the speed of the earlier jobs.

    Attributes:
        newest_seconds: how long the newest iteration took.
    """

    def __init__(
        self,
        plan: Sequence[Scale],
        speed: PaintingSpeed,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._plan, self._speed, self._now = plan, speed, now
        self._times = [ScaleTimes() for _ in plan]
        self._expected = [speed.estimate_iteration(scale.pixels) for scale in plan]
        self._ratios: deque[float] = deque(maxlen=NEWEST_RATIOS)
        self._newest = now()
        self.newest_seconds = 0.0

    def add_iteration(self, scale: int) -> None:
        """Adds an iteration at a scale, counted from 0."""
        now = self._now()
        seconds, expected = now - self._newest, self._expected[scale]
        if self._times[scale].first is not None and expected:
            self._ratios.append(seconds / expected)
        self._times[scale].add(seconds)
        self._newest, self.newest_seconds = now, seconds

    def estimate_remaining(self, scale: int, work: float) -> float | None:
        """How many seconds the rest takes. None if that is not known.

        Args:
            scale: the current one, counted from 0.
            work: the share of the whole cost that is done, in 0 to 1.
        """
        current, later = self._plan[scale], self._plan[scale + 1 :]
        cost_before = sum(each.cost for each in self._plan[:scale])
        done = work * sum(each.cost for each in self._plan) - cost_before
        left = current.iterations * max(0.0, 1 - done / current.cost)
        start = self._start_iterations()
        rest = [(current, left), *((other, start + other.iterations) for other in later)]
        speed = self._adapted_speed()
        seconds = 0.0
        for other, iterations in rest:
            each = speed.estimate_iteration(other.pixels)
            if each is None and iterations:
                return None
            seconds += iterations * (each or 0.0)
        return seconds

    @property
    def times(self) -> IterationTimes:
        """The times of all iterations so far."""
        speed = self._adapted_speed()
        painted = [
            (scale, times.first, speed.estimate_iteration(scale.pixels) or 0.0)
            for scale, times in zip(self._plan, self._times, strict=True)
            if times.first is not None
        ]
        longer = sum(max(0.0, first - each) for _, first, each in painted)
        style_pixels = sum(scale.style_pixels for scale, _, _ in painted)
        total = sum(first for _, first, _ in painted) + sum(times.others for times in self._times)
        return IterationTimes(self._measured, longer / style_pixels if painted else 0.0, total)

    @property
    def _measured(self) -> dict[int, float]:
        """How long an iteration took at each scale with enough of them, by its pixels."""
        measured = zip(self._plan, self._times, strict=True)
        return {scale.pixels: times.each for scale, times in measured if times.each is not None}

    def _adapted_speed(self) -> PaintingSpeed:
        """The speed of this job, compared with earlier jobs. Its options, or other work on the
        machine, make it slower or faster. Small differences mostly end with the scale."""
        known = len(self._ratios) >= FEW_ITERATIONS
        factor = _without_chance(median(self._ratios)) if known else 1.0
        return self._speed.adapted(factor, self._measured)

    def _start_iterations(self) -> float:
        """How many iterations longer the first one of a scale takes, as measured at the newest
        scale with enough iterations."""
        for times in reversed(self._times):
            if times.first is not None and times.each:
                return max(0.0, times.first / times.each - 1)
        return 0.0


def _without_chance(ratio: float) -> float:
    """Shrinks a ratio towards 1 by what may be chance: to 1 up to `CHANCE`, and less the larger the
    ratio. This is the non-negative garrote (Breiman 1995, "Better Subset Regression Using the
    Nonnegative Garrote") of its logarithm."""
    difference = log(max(ratio, 1e-6))
    if abs(difference) <= CHANCE:
        return 1.0
    return exp(difference * (1 - (CHANCE / difference) ** 2))
