"""The waits of a real run, and the simulation that is compared with it."""

from typing import Any

import pytest

from benchmarks.capacity_check import (
    Summary,
    by_chance,
    measured_waits,
    painting_seconds,
    random_times,
    replay,
)


def record(created: str, started: str, finished: str) -> dict[str, Any]:
    """The times of a job's record."""
    times = {"created_at": created, "started_at": started, "finished_at": finished}
    return {name: f"2026-01-01T12:00:{second}Z" for name, second in times.items()}


# Two workers: the third job waits for the second one's end, and the fourth for the first one's.
JOBS = (
    record("00.000", "00.000", "05.000"),
    record("01.000", "01.000", "02.500"),
    record("02.000", "02.500", "08.000"),
    record("03.000", "05.000", "06.000"),
)


def test_the_waits_come_from_the_records() -> None:
    waits = measured_waits(JOBS)
    assert waits.seconds == pytest.approx([0.0, 0.0, 0.5, 2.0])
    assert waits.ended - waits.submitted[0] == pytest.approx(8.0)
    assert [painting_seconds(job) for job in JOBS] == pytest.approx([5.0, 1.5, 5.5, 1.0])


def test_a_simulation_with_the_real_times_reproduces_the_real_waits() -> None:
    real, found = measured_waits(JOBS), replay(JOBS)
    assert found.seconds == pytest.approx(real.seconds, abs=1e-5)
    assert found.ended == pytest.approx(real.ended)


def test_a_run_is_summed_up_by_its_waits_and_its_throughput() -> None:
    summary = Summary.of(measured_waits(JOBS))
    assert summary.median == pytest.approx(0.0)
    assert summary.p95 == pytest.approx(2.0)
    assert summary.mean == pytest.approx(0.625)
    assert summary.jobs_a_minute == pytest.approx(60 * 4 / 8)


def test_random_times_have_their_rate_and_end_in_time() -> None:
    times = random_times(2.0, 5000.0, seed=3)
    assert times == sorted(times)
    assert times[-1] < 5000.0
    assert len(times) == pytest.approx(10_000, rel=0.03)


def test_the_range_of_chance_contains_the_expected_mean_wait() -> None:
    low, high = by_chance(1.2, 1.0)["mean"]
    # Half of the mean wait of exponential times, which two workers with a load of 0.6 each have.
    assert low < 0.5 * 0.45 / 0.8 < high
