"""What a painting measures of itself: how fast it is, how long the rest takes, how much memory it
needs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from time import monotonic

from pastiche.sizes import Scale
from shared.jobs import PaintingStats
from shared.painting_speed import PaintingSpeed

FEW_ITERATIONS = 5
"""So many iterations of a scale say how long its other iterations take."""


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
    """The times of one attempt, scale by scale.

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
        self._counts = [0] * len(plan)
        self._seconds = [0.0] * len(plan)
        self._newest = now()

    def add_iteration(self, scale: int) -> None:
        """One more iteration is done at a scale, counted from 0."""
        now = self._now()
        self._counts[scale] += 1
        self._seconds[scale] += now - self._newest
        self._newest = now

    def estimate_rest(self, scale: int, work: float) -> float | None:
        """How many seconds the rest takes; None if that is not known.

        Args:
            scale: the current one, counted from 0.
            work: the share of the whole cost that is done, in 0 to 1.
        """
        current, later = self._plan[scale], self._plan[scale + 1 :]
        cost_before = sum(each.cost for each in self._plan[:scale])
        done = work * sum(each.cost for each in self._plan) - cost_before
        left = current.iterations * max(0.0, 1 - done / current.cost)
        factor = self._factor()
        seconds = 0.0
        if left:
            each = self._measured(scale) or self._predict(current, factor)
            if each is None:
                return None
            seconds = left * each
        for other in later:
            each = self._predict(other, factor)
            if each is None:
                return None
            seconds += other.iterations * each
        return seconds

    def iteration_seconds(self) -> dict[int, float]:
        """How long an iteration took at each scale, by its pixels, where there were some."""
        measured = {self._plan[k].pixels: self._measured(k) for k in range(len(self._plan))}
        return {pixels: each for pixels, each in measured.items() if each is not None}

    @property
    def iterating_seconds(self) -> float:
        """How long all iterations took together."""
        return sum(self._seconds)

    def _measured(self, scale: int) -> float | None:
        count = self._counts[scale]
        return self._seconds[scale] / count if count >= FEW_ITERATIONS else None

    def _predict(self, scale: Scale, factor: float) -> float | None:
        each = self._speed.estimate_iteration(scale.pixels)
        return None if each is None else factor * each

    def _factor(self) -> float:
        """How many times longer the iterations took than predicted: the options of this job, or
        what else the machine does, make it slower or faster than those before."""
        measured = predicted = 0.0
        for scale, count, seconds in zip(self._plan, self._counts, self._seconds, strict=True):
            each = self._speed.estimate_iteration(scale.pixels)
            if each is not None and count >= FEW_ITERATIONS:
                measured += seconds
                predicted += count * each
        return measured / predicted if predicted else 1.0
