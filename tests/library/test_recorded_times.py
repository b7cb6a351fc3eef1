"""How right the estimates of recorded jobs are."""

from collections.abc import Sequence
from itertools import accumulate

import pytest

from pastiche.painting_clock import PaintingClock
from pastiche.painting_speed import PaintingSpeed
from pastiche.sizes import Scale
from tests.library.recorded_times import (
    DISTURBED_JOB,
    JOBS,
    OVERHEAD_SECONDS,
    plan_of,
    steady_times,
)

Times = Sequence[Sequence[float]]


def replay(
    plan: Sequence[Scale], times: Times, speed: PaintingSpeed
) -> tuple[list[float | None], PaintingSpeed]:
    """The estimate after each iteration, and what is known of the worker after the job."""
    now, work = 0.0, 0
    clock = PaintingClock(plan, speed, lambda: now)
    whole = sum(scale.cost for scale in plan)
    estimates = []
    for number, (scale, seconds) in enumerate(zip(plan, times, strict=True)):
        for each in seconds:
            now += each
            work += scale.pixels
            clock.add_iteration(number)
            estimates.append(clock.estimate_remaining(number, work / whole))
    return estimates, speed.updated(whole, now + OVERHEAD_SECONDS, clock.times)


def learn(*sizes: int) -> PaintingSpeed:
    """What is known of a worker that has painted jobs of these sizes."""
    speed = PaintingSpeed()
    for size in sizes:
        _, speed = replay(plan_of(size), steady_times(size), speed)
    return speed


def is_right(estimate: float, true: float) -> bool:
    """Whether it is within 30 %, or within a second."""
    return abs(estimate - true) <= max(0.3 * true, 1.0)


def list_wrong(estimates: Sequence[float | None], times: Times) -> list[tuple[int, float, float]]:
    """The estimates from the tenth iteration on that are wrong: iteration, estimate, truth."""
    flat = [each for seconds in times for each in seconds]
    compared = (
        (number, estimate, sum(flat[number:])) for number, estimate in enumerate(estimates, 1)
    )
    return [
        (number, estimate, true)
        for number, estimate, true in compared
        if number >= 10 and estimate is not None and not is_right(estimate, true)
    ]


@pytest.mark.parametrize("slowness", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("before", [None, *JOBS])
@pytest.mark.parametrize("size", JOBS)
def test_an_estimate_is_right_after_jobs_of_other_sizes(
    size: int, before: int | None, slowness: float
) -> None:
    times = [[slowness * each for each in seconds] for seconds in steady_times(size)]
    speed = PaintingSpeed() if before is None else learn(before)
    estimates, _ = replay(plan_of(size), times, speed)
    assert list_wrong(estimates, times) == []
    assert None not in estimates[-20:]


@pytest.mark.parametrize("size", JOBS)
def test_a_worker_that_has_painted_several_sizes_knows_every_other_one(size: int) -> None:
    others = [each for each in JOBS if each != size]
    speed = learn(*others)
    estimate = speed.estimate(plan_of(size))
    assert estimate is not None
    assert is_right(estimate, sum(map(sum, steady_times(size))) + OVERHEAD_SECONDS)
    estimates, _ = replay(plan_of(size), steady_times(size), speed)
    assert None not in estimates


def test_an_estimate_does_not_jump_where_a_scale_begins() -> None:
    """Even if other programs slow it down, and its first iteration takes longer than expected."""
    plan = plan_of(384)
    estimates, _ = replay(plan, DISTURBED_JOB, learn(256, 384))
    known = [each for each in estimates if each is not None]
    assert len(known) == len(estimates)
    for end in accumulate(scale.iterations for scale in plan[:-1]):
        assert known[end] == pytest.approx(known[end - 1], rel=0.15)


def test_an_estimate_of_a_disturbed_job_is_never_negative() -> None:
    estimates, _ = replay(plan_of(384), DISTURBED_JOB, learn(256, 384))
    assert all(each is not None and each >= 0 for each in estimates)
