"""Simulates a queue with several workers: how long jobs wait.

Jobs arrive at random times, more of them at the busiest time of the day, and wait in one queue for
the next free worker. As in the service, a worker paints one job at a time. Priorities and turns
between callers are left out: they change who waits, but not the total wait.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, cos, exp, pi
from random import Random
from typing import Any

import simpy

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600

_STEEPEST = 700.0
_BISECTIONS = 60
_MINUTES = 1_440


@dataclass(frozen=True, slots=True)
class DayCurve:
    """The rate of submissions over a day, e^(κ cos) with the busiest time at noon. It is smooth,
    never zero, and the same every day.

    Attributes:
        pictures: the number of submissions a day.
        steepness: κ, 0 for the same rate all day.
    """

    pictures: float
    steepness: float = 0.0

    @classmethod
    def with_peak(cls, pictures: float, peak: float) -> "DayCurve":
        """The curve whose busiest moment has `peak` times the mean rate.

        Raises:
            ValueError: there is no such curve, or there are no pictures.
        """
        if not pictures > 0:
            raise ValueError(f"pictures must be more than 0, not {pictures:g}.")
        if not 1 <= peak <= 24:
            raise ValueError(f"peak must be between 1 and 24, not {peak:g}.")
        low, high = 0.0, _STEEPEST
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if 1 / _mean(middle) > peak else (middle, high)
        return cls(pictures, low)

    @property
    def peak_rate(self) -> float:
        """The submissions a second at the busiest time."""
        return self.pictures / DAY_SECONDS / _mean(self.steepness)

    def submissions(self, days: int, random: Random) -> Iterator[float]:
        """The submission times, in seconds since the first midnight: a Poisson process, made from
        one at the peak rate by thinning (Lewis and Shedler, 1979)."""
        peak_rate = self.peak_rate
        now = random.expovariate(peak_rate)
        while now < days * DAY_SECONDS:
            if random.random() < _relative(self.steepness, now / DAY_SECONDS):
                yield now
            now += random.expovariate(peak_rate)


def _relative(steepness: float, day: float) -> float:
    """The rate at a time in days, relative to the peak rate."""
    return exp(steepness * (-cos(2 * pi * day) - 1))


def _mean(steepness: float) -> float:
    """The mean rate, relative to the peak rate."""
    return sum(_relative(steepness, minute / _MINUTES) for minute in range(_MINUTES)) / _MINUTES


@dataclass(frozen=True, slots=True)
class Waits:
    """How long jobs waited, in the order of their submission.

    Attributes:
        submitted: the submission times, in seconds.
        seconds: the waits from submission to the start of painting.
        ended: when the last job was finished.
    """

    submitted: Sequence[float]
    seconds: Sequence[float]
    ended: float

    def percentile(self, percent: float) -> float:
        """The wait that this percentage of the jobs does not exceed."""
        return percentile(self.seconds, percent)

    def in_busiest_hour(self) -> "Waits":
        """The waits of jobs submitted within half an hour of noon, on all days."""
        noon = DAY_SECONDS / 2
        chosen = [
            index
            for index, at in enumerate(self.submitted)
            if abs(at % DAY_SECONDS - noon) <= HOUR_SECONDS / 2
        ]
        return Waits(
            [self.submitted[index] for index in chosen],
            [self.seconds[index] for index in chosen],
            self.ended,
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that this percentage of the values does not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("There are no values.")
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def simulate(
    submissions: Sequence[float], painting_seconds: Callable[[], float], workers: int
) -> Waits:
    """Simulates workers that paint the submitted pictures.

    Args:
        submissions: the submission times in seconds, in ascending order.
        painting_seconds: how long the next picture takes a worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}.")
    environment = simpy.Environment()
    queue = simpy.Store(environment)
    waits: list[float] = []

    def submit() -> Generator[simpy.Event, Any, None]:
        for at in submissions:
            yield environment.timeout(at - environment.now)
            queue.put(at)

    def paint() -> Generator[simpy.Event, Any, None]:
        while True:
            submitted: float = yield queue.get()
            waits.append(environment.now - submitted)
            yield environment.timeout(painting_seconds())

    environment.process(submit())
    for _ in range(workers):
        environment.process(paint())
    environment.run()
    return Waits(submissions, waits, environment.now)


def least_workers(suffices: Callable[[int], bool], *, fewest: int, guess: int) -> int:
    """The smallest number of workers that suffices. Any larger number must suffice, too.

    Args:
        fewest: a lower bound of the result.
        guess: where the search begins, at least `fewest`.
    """
    most = guess
    while not suffices(most):
        fewest, most = most + 1, ceil(1.25 * most) + 1
    return fewest + bisect_left(range(fewest, most), True, key=suffices)
