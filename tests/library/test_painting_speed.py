"""How long a picture takes, by the pictures before it."""

import pytest

from pastiche.options import Options
from pastiche.painting_speed import IterationTimes, PaintingSpeed
from pastiche.sizes import scales

SMALL, LARGE = 10_000, 40_000
SPEED = PaintingSpeed(rate=1e6, iteration_seconds=((SMALL, 0.02), (LARGE, 0.05)))


def test_before_its_first_job_nothing_is_known_of_a_worker() -> None:
    speed = PaintingSpeed()
    assert (speed.rate, speed.estimate_iteration(SMALL)) == (None, None)
    assert speed.estimate(scales(96, 128, Options(size=128))) is None


def test_a_size_between_two_that_are_known_lies_between_them() -> None:
    assert SPEED.estimate_iteration(25_000) == pytest.approx(0.035)


def test_a_smaller_or_larger_scale_lies_on_the_line_through_those_that_are_known() -> None:
    assert SPEED.estimate_iteration(5_000) == pytest.approx(0.015)
    assert SPEED.estimate_iteration(2 * LARGE) == pytest.approx(0.09)


@pytest.mark.parametrize("pixels", [SMALL // 5, 5 * LARGE])
def test_a_scale_that_is_much_smaller_or_larger_than_all_before_is_unknown(pixels: int) -> None:
    assert SPEED.estimate_iteration(pixels) is None


def test_one_size_says_nothing_of_sizes_that_are_not_near() -> None:
    speed = PaintingSpeed(rate=1e6, iteration_seconds=((SMALL, 0.02),))
    assert speed.estimate_iteration(11_000) == pytest.approx(0.022)
    far = (SMALL // 2, 2 * SMALL)
    assert [speed.estimate_iteration(pixels) for pixels in far] == [None, None]


@pytest.mark.parametrize("seconds", [0.04, 0.06])
def test_chance_between_two_similar_sizes_says_nothing_of_larger_ones(seconds: float) -> None:
    similar = (round(0.9 * LARGE), seconds)
    speed = PaintingSpeed(1e6, 0.0, ((SMALL, 0.02), similar, (LARGE, 0.05)))
    assert speed.estimate_iteration(4 * LARGE) == SPEED.estimate_iteration(4 * LARGE)


@pytest.mark.parametrize("small", [0.001, 0.09])
def test_a_larger_scale_takes_no_less_time_and_no_more_for_each_pixel(small: float) -> None:
    speed = PaintingSpeed(1e6, 0.0, ((SMALL, small), (LARGE, 0.05)))
    seconds = speed.estimate_iteration(2 * LARGE)
    assert seconds is not None
    assert 0.05 <= seconds <= 0.1


def test_a_job_that_is_slower_than_those_before_makes_all_its_scales_slower() -> None:
    slower = SPEED.adapted(2.0, {})
    assert slower.estimate_iteration(SMALL) == pytest.approx(0.04)
    assert slower.estimate_iteration(LARGE) == pytest.approx(0.1)


def test_what_a_job_has_measured_replaces_what_was_expected() -> None:
    own = SPEED.adapted(2.0, {LARGE + 1: 0.07})
    assert own.estimate_iteration(LARGE + 1) == pytest.approx(0.07)
    assert own.estimate_iteration(SMALL) == pytest.approx(0.04)


def test_the_scales_of_a_job_say_how_long_a_larger_one_takes() -> None:
    own = PaintingSpeed().adapted(1.0, {SMALL: 0.02, LARGE: 0.05})
    assert own.estimate_iteration(2 * LARGE) == pytest.approx(0.09)


def test_a_picture_takes_its_iterations_and_the_overhead() -> None:
    speed = PaintingSpeed(1e6, 3.0, ((SMALL, 0.02), (LARGE, 0.05)))
    plan = scales(100, 100, Options(size=100, scales=1, iterations=50))
    assert speed.estimate(plan) == pytest.approx(3.0 + 50 * 0.02)


def test_the_start_of_a_scale_takes_as_long_as_its_style_images_are_large() -> None:
    """Beside a picture of 100 pixels they have 512, and a quarter of that at half its size."""
    speed = PaintingSpeed(1e6, 3.0, ((SMALL // 4, 0.01), (SMALL, 0.02)), start_seconds=1e-5)
    plan = scales(100, 100, Options(size=100, scales=2, iterations=60))
    started = 1e-5 * (512**2 + 256**2)
    assert speed.estimate(plan) == pytest.approx(3.0 + started + 30 * 0.01 + 30 * 0.02)


def test_the_newest_job_counts_as_much_as_all_before() -> None:
    first = PaintingSpeed().updated(1000, 10.0, IterationTimes({SMALL: 0.02}, 1e-6, 8.0))
    second = first.updated(1000, 5.0, IterationTimes({SMALL: 0.03}, 3e-6, 4.0))
    assert [first.rate, second.rate] == pytest.approx([100, 150])
    overheads = [first.overhead_seconds, second.overhead_seconds]
    assert overheads == pytest.approx([2.0, 1.5])
    assert [first.start_seconds, second.start_seconds] == pytest.approx([1e-6, 2e-6])
    assert first.estimate_iteration(SMALL) == pytest.approx(0.02)
    assert second.estimate_iteration(SMALL) == pytest.approx(0.025)


def test_similar_sizes_are_measured_together() -> None:
    speed = PaintingSpeed()
    for pixels in range(SMALL, SMALL + 50):
        speed = speed.updated(1000, 1.0, IterationTimes({pixels: 0.02}, 0.0, 0.5))
    assert len(speed.iteration_seconds) == 1
