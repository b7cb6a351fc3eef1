"""How long a picture takes on a worker, by the pictures that it has painted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from pastiche.sizes import Scale

STEPS_PER_OCTAVE = 4
"""Scales of about the same number of pixels are measured together: four sizes for each doubling."""

EXTRAPOLATION = 4.0
"""Up to how many times the pixels of the largest measured scale a time is still known: it grows as
between the two largest."""

WEIGHT_OF_NEWEST = 0.3
"""Of the newest measurement in a mean."""


@dataclass(frozen=True, slots=True)
class PaintingSpeed:
    """What is known of a worker's speed.

    An iteration at a small scale takes much longer for each of its pixels than one at a large
    scale, so the time is known for each size by itself.

    Attributes:
        rate: pixels times iterations per second, from claim to commit; None before the first job.
        overhead_seconds: from claim to commit, besides the iterations.
        iteration_seconds: how long one iteration takes at a scale of so many pixels, by the number
            of pixels, in ascending order.
    """

    rate: float | None = None
    overhead_seconds: float = 0.0
    iteration_seconds: tuple[tuple[int, float], ...] = ()

    def estimate_iteration(self, pixels: int) -> float | None:
        """The seconds of one iteration at a scale; None if nothing similar was measured."""
        known = self.iteration_seconds
        if not known or pixels > EXTRAPOLATION * known[-1][0]:
            return None
        if pixels <= known[0][0]:
            return known[0][1]
        if len(known) == 1:
            return known[0][1] * pixels / known[0][0]
        between = (pair for pair in pairwise(known) if pixels <= pair[1][0])
        (smaller, low), (larger, high) = next(between, known[-2:])
        return low + (high - low) * (pixels - smaller) / (larger - smaller)

    def estimate(self, plan: Sequence[Scale]) -> float | None:
        """The seconds from claim to commit; None if that is not known."""
        seconds = self.overhead_seconds
        for scale in plan:
            each = self.estimate_iteration(scale.pixels)
            if each is None:
                return None
            seconds += scale.iterations * each
        return seconds

    def updated(
        self, work: int, seconds: float, iteration_seconds: Mapping[int, float], iterating: float
    ) -> "PaintingSpeed":
        """With one more job.

        Args:
            work: its pixels times iterations.
            seconds: from claim to commit.
            iteration_seconds: how long its iterations took, by the pixels of their scale.
            iterating: the seconds of all its iterations.
        """
        known = dict(self.iteration_seconds)
        for pixels, each in iteration_seconds.items():
            step = _nearest_step(pixels)
            known[step] = _mean(known.get(step), each * step / pixels)
        is_first = self.rate is None
        return PaintingSpeed(
            _mean(self.rate, work / max(seconds, 1e-3)),
            _mean(None if is_first else self.overhead_seconds, max(0.0, seconds - iterating)),
            tuple(sorted(known.items())),
        )


def _nearest_step(pixels: int) -> int:
    return round(2 ** (round(STEPS_PER_OCTAVE * log2(pixels)) / STEPS_PER_OCTAVE))


def _mean(before: float | None, newest: float) -> float:
    return newest if before is None else before + WEIGHT_OF_NEWEST * (newest - before)
