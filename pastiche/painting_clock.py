"""How long the rest of a picture takes, by the iterations so far."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import median
from time import monotonic

from pastiche.painting_speed import IterationTimes, PaintingSpeed
from pastiche.sizes import Scale

FEW_ITERATIONS = 5
"""So many iterations of a scale, after the first, say how long its other iterations take."""

NEWEST = 16
"""How many iterations of a scale say how long the others take: the newest."""

NEWEST_RATIOS = 100
"""How many iterations, of all scales, say how much slower or faster a job is than those before."""

CHANCE = log(1.15)
"""The logarithm of how many times longer or shorter iterations may take than those of earlier jobs
without any meaning for the other scales."""


@dataclass(slots=True)
class ScaleTimes:
    """How long the iterations of one scale took, in seconds.

    The first one also computes what the picture is compared with, and counts by itself.

    Attributes:
        first: None before it.
        others: all others together.
    """

    first: float | None = None
    others: float = 0.0
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=NEWEST))

    def add(self, seconds: float) -> None:
        """One more iteration."""
        if self.first is None:
            self.first = seconds
            return
        self.others += seconds
        self.newest.append(seconds)

    @property
    def each(self) -> float | None:
        """How long an iteration takes; None after too few. The median, since other work on the
        machine delays single ones."""
        return median(self.newest) if len(self.newest) >= FEW_ITERATIONS else None


class PaintingClock:
    """The times of one attempt, scale by scale, and what they say of the rest.

    Args:
        plan: the scales of the painting.
        speed: what is known from the jobs before.

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
        """One more iteration is done at a scale, counted from 0."""
        now = self._now()
        seconds, expected = now - self._newest, self._expected[scale]
        if self._times[scale].first is not None and expected:
            self._ratios.append(seconds / expected)
        self._times[scale].add(seconds)
        self._newest, self.newest_seconds = now, seconds

    def estimate_remaining(self, scale: int, work: float) -> float | None:
        """How many seconds the rest takes; None if that is not known.

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
        """How long an iteration took at each scale, by its pixels, where there were enough."""
        measured = zip(self._plan, self._times, strict=True)
        return {scale.pixels: times.each for scale, times in measured if times.each is not None}

    def _adapted_speed(self) -> PaintingSpeed:
        """The options of this job, or what else the machine does, make it slower or faster than
        those before; small differences are mostly over at the next scale."""
        known = len(self._ratios) >= FEW_ITERATIONS
        factor = _without_chance(median(self._ratios)) if known else 1.0
        return self._speed.adapted(factor, self._measured)

    def _start_iterations(self) -> float:
        """How many iterations more the first one of a scale takes: as at the newest scale that was
        measured."""
        for times in reversed(self._times):
            if times.first is not None and times.each:
                return max(0.0, times.first / times.each - 1)
        return 0.0


def _without_chance(ratio: float) -> float:
    """A ratio with what may be chance taken away: all of one up to `CHANCE`, ever less of larger
    ones: the non-negative garrote (Breiman 1995, "Better Subset Regression Using the Nonnegative
    Garrote") of its logarithm."""
    difference = log(max(ratio, 1e-6))
    if abs(difference) <= CHANCE:
        return 1.0
    return exp(difference * (1 - (CHANCE / difference) ** 2))
