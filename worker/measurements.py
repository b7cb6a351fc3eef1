"""What a painting measures of itself: how fast it is, how long the rest takes, how much memory it
needs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median
from time import monotonic

from pastiche.sizes import Scale
from shared.jobs import PaintingStats
from shared.painting_speed import PaintingSpeed

FEW_ITERATIONS = 5
"""So many iterations of a scale, after the first, say how long its other iterations take."""

NEWEST = 20
"""How many iterations of a scale say how long the others take: the newest."""


class Measurements:
    """The measurements of one attempt, as fields of its job's record.

    Args:
        device: the name of what paints.
        precision: of the network's features.
        peak_memory: how much memory the process had at most so far; None if that is not known.
    """

    def __init__(self, device: str, precision: str, peak_memory: Callable[[], int | None]) -> None:
        self._device, self._precision, self._peak_memory = device, precision, peak_memory
        self._iterations = 0
        self._first_at = self._newest_at = 0.0

    def add_iteration(self) -> None:
        """One more iteration is done."""
        self._newest_at = monotonic()
        if not self._iterations:
            self._first_at = self._newest_at
        self._iterations += 1

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the record, as they are now."""
        # From the end of the first iteration, which is longer, as it waits for the preparation.
        seconds = self._newest_at - self._first_at
        rate = round((self._iterations - 1) / seconds, 3) if seconds > 0 else None
        stats = PaintingStats(self._device, self._precision, rate, self._peak_memory())
        return {"stats": json.dumps(asdict(stats))}


class PaintingClock:
    """The times of one attempt, scale by scale, and what they say of the rest.

    The first iteration of a scale also computes what the picture is compared with, and is counted
    by itself. How long the others of a scale take is the median of the newest, since other work
    delays single ones.

    Args:
        plan: the scales of the painting.
        speed: what is known from the jobs before.
    """

    def __init__(
        self,
        plan: Sequence[Scale],
        speed: PaintingSpeed,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._plan, self._speed, self._now = plan, speed, now
        self._seconds: list[list[float]] = [[] for _ in plan]
        self._newest = now()

    def add_iteration(self, scale: int) -> None:
        """One more iteration is done at a scale, counted from 0."""
        now = self._now()
        self._seconds[scale].append(now - self._newest)
        self._newest = now

    def estimate_rest(self, scale: int, work: float) -> float | None:
        """How many seconds the rest takes; None if that is not known.

        Args:
            scale: the current one, counted from 0.
            work: the share of the whole cost that is done, in 0 to 1.
        """
        current, later = self._plan[scale], self._plan[scale + 1 :]
        speed = self._speed.adapted(self.iteration_seconds())
        cost_before = sum(each.cost for each in self._plan[:scale])
        done = work * sum(each.cost for each in self._plan) - cost_before
        left = current.iterations * max(0.0, 1 - done / current.cost)
        start = self._start_iterations()
        rest = [(current, left), *((other, start + other.iterations) for other in later)]
        seconds = 0.0
        for other, iterations in rest:
            each = speed.estimate_iteration(other.pixels)
            if each is None and iterations:
                return None
            seconds += iterations * (each or 0.0)
        return seconds

    def iteration_seconds(self) -> dict[int, float]:
        """How long an iteration took at each scale, by its pixels, where there were enough."""
        measured = {scale.pixels: self._measured(number) for number, scale in enumerate(self._plan)}
        return {pixels: each for pixels, each in measured.items() if each is not None}

    @property
    def iterating_seconds(self) -> float:
        """How long all iterations took together, without what first ones took longer."""
        speed = self._speed.adapted(self.iteration_seconds())
        return sum(
            sum(seconds[1:]) + (speed.estimate_iteration(scale.pixels) or 0.0)
            for scale, seconds in zip(self._plan, self._seconds, strict=True)
            if seconds
        )

    def _measured(self, scale: int) -> float | None:
        repeated = self._seconds[scale][1:]
        return median(repeated[-NEWEST:]) if len(repeated) >= FEW_ITERATIONS else None

    def _start_iterations(self) -> float:
        """How many iterations more the first one of a scale takes: as at the newest scale that was
        measured."""
        for number in reversed(range(len(self._plan))):
            each = self._measured(number)
            if each:
                return max(0.0, self._seconds[number][0] / each - 1)
        return 0.0
