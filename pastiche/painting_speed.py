"""Estimates how long a picture takes on a machine, from the pictures that it has painted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log2

from pastiche.sizes import Scale

STEPS_PER_OCTAVE = 4
"""Scales with about the same number of pixels are measured together: four steps per doubling."""

REACH = 4.0
"""The time of a scale is estimated if it has at most this many times more pixels than the largest
measured scale, or fewer than the smallest."""

NEAR = 1.5
"""The same if only one size was measured, which does not show how the time grows."""

WEIGHT_OF_NEWEST = 0.5
"""The weight of the newest measurement in a mean."""


@dataclass(frozen=True, slots=True)
class IterationTimes:
    """How long the iterations of a job took, in seconds.

    Attributes:
        each: the time of one iteration, by the pixels of its scale.
        start_seconds: how much longer the first one of a scale took, for each pixel that its
            style images should have.
        total: the time of all iterations.
    """

    each: Mapping[int, float]
    start_seconds: float
    total: float


@dataclass(frozen=True, slots=True)
class PaintingSpeed:
    """The measured speed of a worker, or of a process that paints.

    Per pixel, an iteration takes much longer at a small scale than at a large one, so each size has
    its own time. The first iteration of a scale also computes the targets from the style images,
    which may be much larger than a small picture, so its extra time is measured per pixel of these.

    Attributes:
        rate: pixels times iterations per second, from claim to commit. None before the first job.
        overhead_seconds: the time from claim to commit without the iterations.
        iteration_seconds: the numbers of pixels of the scales, in ascending order, each with the
            time of one iteration.
        start_seconds: how much longer the first one of a scale takes, for each pixel that its style
            images should have.
    """

    rate: float | None = None
    overhead_seconds: float = 0.0
    iteration_seconds: tuple[tuple[int, float], ...] = ()
    start_seconds: float = 0.0

    def estimate_iteration(self, pixels: int) -> float | None:
        """The seconds of one iteration at a scale. None if nothing similar was measured.

        Between two measured sizes, the time is interpolated linearly. Beyond the smallest or the
        largest, it is extrapolated from that size and the nearest one that differs by a factor of
        two, because the times of two similar sizes differ mostly by chance.
        """
        known = self.iteration_seconds
        if not known:
            return None
        smallest, largest = known[0], known[-1]
        if largest[0] < 2 * smallest[0]:
            nearest = min(known, key=lambda each: abs(each[0] - pixels))
            is_near = nearest[0] / NEAR <= pixels <= NEAR * nearest[0]
            return nearest[1] * pixels / nearest[0] if is_near else None
        if not smallest[0] / REACH <= pixels <= REACH * largest[0]:
            return None
        if pixels < smallest[0]:
            other = next(each for each in known if each[0] >= 2 * smallest[0])
            return _on_line(pixels, smallest, other)
        if pixels > largest[0]:
            other = next(each for each in reversed(known) if 2 * each[0] <= largest[0])
            return _on_line(pixels, largest, other)
        (below, low), (above, high) = next(pair for pair in pairwise(known) if pixels <= pair[1][0])
        return low + (high - low) * (pixels - below) / (above - below)

    def estimate(self, plan: Sequence[Scale]) -> float | None:
        """The seconds from claim to commit. None if that is not known."""
        seconds = self.overhead_seconds
        for scale in plan:
            each = self.estimate_iteration(scale.pixels)
            if each is None:
                return None
            seconds += scale.style_pixels * self.start_seconds + scale.iterations * each
        return seconds

    def adapted(self, factor: float, measured: Mapping[int, float]) -> "PaintingSpeed":
        """The speed in a job that is being painted.

        Args:
            factor: how many times longer its iterations take than those of earlier jobs.
            measured: how long its iterations take, by the pixels of their scale.
        """
        expected = {pixels: factor * each for pixels, each in self.iteration_seconds}
        return replace(self, iteration_seconds=_replace_similar(expected, measured))

    def updated(self, work: int, seconds: float, times: IterationTimes) -> "PaintingSpeed":
        """The speed, updated with one more job.

        Args:
            work: its pixels times iterations.
            seconds: from claim to commit.
        """
        known = dict(self.iteration_seconds)
        steps = {_step(pixels) for pixels in known}
        newest = {
            pixels: _mean(self.estimate_iteration(pixels) if _step(pixels) in steps else None, each)
            for pixels, each in times.each.items()
        }
        is_first = self.rate is None
        overhead = max(0.0, seconds - times.total)
        return PaintingSpeed(
            _mean(self.rate, work / max(seconds, 1e-3)),
            _mean(None if is_first else self.overhead_seconds, overhead),
            _replace_similar(known, newest),
            _mean(None if is_first else self.start_seconds, times.start_seconds),
        )


def _on_line(pixels: int, nearest: tuple[int, float], other: tuple[int, float]) -> float:
    """The time at a size on the line through two measurements. It does not fall with the pixels,
    and grows at most in proportion to them."""
    (at, seconds), (far, seconds_there) = nearest, other
    slope = (seconds_there - seconds) / (far - at)
    return seconds + min(max(slope, 0.0), seconds / at) * (pixels - at)


def _replace_similar(
    known: Mapping[int, float], newest: Mapping[int, float]
) -> tuple[tuple[int, float], ...]:
    """The times by pixels, in ascending order. The newest replace those of similar sizes."""
    steps = {_step(pixels) for pixels in newest}
    others = {pixels: each for pixels, each in known.items() if _step(pixels) not in steps}
    return tuple(sorted({**others, **newest}.items()))


def _step(pixels: int) -> int:
    return round(STEPS_PER_OCTAVE * log2(pixels))


def _mean(before: float | None, newest: float) -> float:
    return newest if before is None else before + WEIGHT_OF_NEWEST * (newest - before)
