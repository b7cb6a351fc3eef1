"""Estimates of how long the rest of a painting takes, with a fake clock."""

from collections.abc import Iterator
from itertools import islice, pairwise

import pytest

from pastiche.options import Options
from pastiche.painting_clock import FEW_ITERATIONS, PaintingClock
from pastiche.painting_speed import PaintingSpeed
from pastiche.sizes import Scale, scales


class Machine:
    """A machine whose iterations take a fixed time, and more for each pixel.

    Attributes:
        slowness: how many times longer everything takes.
        start_seconds: how long a scale takes to start, for each pixel of a style image.
    """

    def __init__(self, slowness: float = 1.0, start_seconds: float = 0.0) -> None:
        self.slowness, self.start_seconds = slowness, start_seconds
        self.now = 0.0

    def iterate(self, scale: Scale) -> None:
        self.now += self.slowness * (0.01 + 5e-7 * scale.pixels)

    def paint(
        self, size: int, speed: PaintingSpeed
    ) -> Iterator[tuple[PaintingClock, float | None]]:
        """The clock and its estimate after each iteration of a picture."""
        plan = scales(3 * size // 4, size, Options(size=size))
        clock = PaintingClock(plan, speed, lambda: self.now)
        done, whole = 0.0, sum(scale.cost for scale in plan)
        for index, scale in enumerate(plan):
            self.now += self.start_seconds * scale.style_pixels
            for _ in range(scale.iterations):
                self.iterate(scale)
                done += scale.pixels
                clock.add_iteration(index)
                yield clock, clock.estimate_remaining(index, done / whole)

    def learn(self, size: int, speed: PaintingSpeed) -> PaintingSpeed:
        """The speed after one more picture."""
        begun = self.now
        *_, (clock, _) = self.paint(size, speed)
        return speed.updated(1, self.now - begun, clock.times)

    def errors(self, size: int, speed: PaintingSpeed) -> list[float | None]:
        """By how much each estimate of a picture is wrong, as a share of the true time."""
        seen = [(self.now, estimate) for _, estimate in self.paint(size, speed)]
        return [
            None if estimate is None else abs(estimate / (self.now - then) - 1)
            for then, estimate in seen[:-1]
        ]


@pytest.mark.parametrize("known", [128, 256, 512])
@pytest.mark.parametrize("size", [128, 256, 512])
@pytest.mark.parametrize("slowness", [1.0, 2.0])
def test_an_estimate_is_right_from_the_tenth_iteration_on(
    known: int, size: int, slowness: float
) -> None:
    speed = Machine().learn(known, PaintingSpeed())
    errors = Machine(slowness).errors(size, speed)[9:]
    assert all(error is None or error < 0.3 for error in errors)


@pytest.mark.parametrize("size", [128, 256, 512])
def test_after_a_picture_of_the_same_size_everything_is_known(size: int) -> None:
    speed = Machine().learn(size, PaintingSpeed())
    assert None not in Machine().errors(size, speed)


@pytest.mark.parametrize("known", [128, 256, 512])
@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_at_a_constant_rate_an_estimate_falls_to_nothing(known: int, size: int) -> None:
    speed = Machine().learn(known, PaintingSpeed())
    estimates = [each for _, each in Machine().paint(size, speed) if each is not None]
    assert all(later < earlier for earlier, later in pairwise(estimates))
    assert estimates[-1] == pytest.approx(0, abs=1e-9)
    assert min(estimates) >= 0


def test_a_new_worker_says_nothing_until_it_has_seen_how_times_grow() -> None:
    """Two scales show that, up to the next one, which has four times as many pixels."""
    first, second, third, _ = scales(384, 512, Options(size=512))
    errors = Machine().errors(512, PaintingSpeed())
    unknown = first.iterations + second.iterations + FEW_ITERATIONS
    assert set(errors[:unknown]) == {None}
    known = [error for error in errors[unknown + 1 :] if error is not None]
    assert len(known) > third.iterations
    assert max(known) < 0.01


def test_a_new_worker_knows_the_only_scale_of_a_picture() -> None:
    errors = Machine().errors(64, PaintingSpeed())
    assert set(errors[:FEW_ITERATIONS]) == {None}
    assert None not in errors[FEW_ITERATIONS:]


@pytest.mark.parametrize("known", [64, 256, 1024])
@pytest.mark.parametrize("size", [64, 256, 1024])
def test_the_targets_of_a_large_picture_are_not_expected_of_a_small_one(
    size: int, known: int
) -> None:
    machine = Machine(start_seconds=1e-5)
    speed = machine.learn(known, machine.learn(512, PaintingSpeed()))
    estimate = speed.estimate(scales(3 * size // 4, size, Options(size=size)))
    begun = machine.now
    machine.learn(size, PaintingSpeed())
    assert estimate == pytest.approx(machine.now - begun, rel=0.1)


def test_a_resumed_painting_estimates_what_is_left() -> None:
    plan = scales(96, 128, Options(size=128, scales=1, iterations=100))
    machine = Machine()
    clock = PaintingClock(plan, PaintingSpeed(), lambda: machine.now)
    for _ in range(10):
        machine.iterate(plan[0])
        clock.add_iteration(0)
    each = machine.now / 10
    assert clock.estimate_remaining(0, 0.8) == pytest.approx(20 * each)


def test_a_slow_start_and_single_delays_change_no_estimate() -> None:
    plan = scales(96, 128, Options(size=128, scales=1, iterations=100))
    machine = Machine()
    clock = PaintingClock(plan, PaintingSpeed(), lambda: machine.now)
    for number in range(20):
        machine.now += {0: 3.0, 8: 1.0}.get(number, 0.0)
        machine.iterate(plan[0])
        clock.add_iteration(0)
    each = 0.01 + 5e-7 * plan[0].pixels
    assert clock.estimate_remaining(0, 0.2) == pytest.approx(80 * each)


def test_the_first_iteration_of_a_later_scale_takes_as_many_times_longer() -> None:
    coarse, fine = plan = scales(96, 128, Options(size=128, scales=2, iterations=20))
    machine = Machine()
    clock = PaintingClock(plan, machine.learn(128, PaintingSpeed()), lambda: machine.now)
    machine.now += 2 * (0.01 + 5e-7 * coarse.pixels)
    for _ in range(coarse.iterations):
        machine.iterate(coarse)
        clock.add_iteration(0)
    each = 0.01 + 5e-7 * fine.pixels
    work = coarse.cost / (coarse.cost + fine.cost)
    assert clock.estimate_remaining(0, work) == pytest.approx(
        (fine.iterations + 2) * each, rel=0.02
    )


@pytest.mark.parametrize(("slowness", "followed"), [(0.9, False), (1.1, False), (2.0, True)])
def test_a_small_difference_of_one_scale_says_nothing_of_the_later_ones(
    slowness: float, followed: bool
) -> None:
    speed = Machine().learn(512, PaintingSpeed())
    usual, slow = Machine().paint(512, speed), Machine(slowness).paint(512, speed)
    count = scales(384, 512, Options(size=512))[0].iterations
    *_, (_, expected) = islice(usual, count)
    *_, (_, estimate) = islice(slow, count)
    assert expected is not None
    assert estimate == pytest.approx(slowness * expected if followed else expected, rel=0.05)
