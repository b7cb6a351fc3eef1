"""How long a picture takes, by the pictures before it."""

import pytest

from pastiche.options import Options
from pastiche.sizes import scales
from shared.painting_speed import PaintingSpeed

SMALL, LARGE = 10_000, 40_000
SPEED = PaintingSpeed(rate=1e6, iteration_seconds=((SMALL, 0.02), (LARGE, 0.05)))


def test_before_its_first_job_nothing_is_known_of_a_worker() -> None:
    speed = PaintingSpeed()
    assert (speed.rate, speed.estimate_iteration(SMALL)) == (None, None)
    assert speed.estimate(scales(96, 128, Options(size=128))) is None


def test_a_size_between_two_that_are_known_lies_between_them() -> None:
    assert SPEED.estimate_iteration(25_000) == pytest.approx(0.035)


def test_a_smaller_scale_takes_no_less_than_the_smallest_known() -> None:
    assert SPEED.estimate_iteration(100) == 0.02


def test_a_larger_scale_takes_longer_as_between_the_largest_two() -> None:
    assert SPEED.estimate_iteration(2 * LARGE) == pytest.approx(0.09)


def test_a_scale_that_is_much_larger_than_all_before_is_unknown() -> None:
    assert SPEED.estimate_iteration(5 * LARGE) is None


def test_a_picture_takes_its_iterations_and_the_overhead() -> None:
    speed = PaintingSpeed(1e6, 3.0, ((SMALL, 0.02), (LARGE, 0.05)))
    plan = scales(100, 100, Options(size=100, scales=1, iterations=50))
    assert speed.estimate(plan) == pytest.approx(3.0 + 50 * 0.02)


def test_the_newest_job_counts_most_but_not_alone() -> None:
    first = PaintingSpeed().updated(1000, 10.0, {SMALL: 0.02}, 8.0)
    second = first.updated(1000, 5.0, {SMALL: 0.03}, 4.0)
    assert [first.rate, second.rate] == pytest.approx([100, 130])
    overheads = [first.overhead_seconds, second.overhead_seconds]
    assert overheads == pytest.approx([2.0, 1.7])
    assert first.estimate_iteration(SMALL) == pytest.approx(0.02, rel=0.1)
    assert second.estimate_iteration(SMALL) == pytest.approx(0.023, rel=0.1)


def test_similar_sizes_are_measured_together() -> None:
    speed = PaintingSpeed()
    for pixels in range(SMALL, SMALL + 50):
        speed = speed.updated(1000, 1.0, {pixels: 0.02}, 0.5)
    assert len(speed.iteration_seconds) == 1
