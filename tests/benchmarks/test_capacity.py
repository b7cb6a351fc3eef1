"""The simulated queue, compared with queueing theory, and the plan computed from it."""

import json
from math import exp, factorial
from random import Random

import pytest

from benchmarks import capacity
from benchmarks.capacity_plan import Demand, make_plan
from benchmarks.queue_simulation import (
    DAY_SECONDS,
    DayCurve,
    Waits,
    least_workers,
    percentile,
    simulate,
)
from benchmarks.service_rates import GPU_PICTURES, Picture, ServiceRates, gpu_picture, store_writes

JOBS = 60_000
TOLERANCE = 0.12
"""The relative tolerance of the formulas. One worker more or less makes three times this
difference."""

PICTURE = Picture("small", "a device", (1.0, 3.0), 1_000_000)
RATES = ServiceRates(
    submissions_a_core=10.0,
    polls_a_core=1000.0,
    redis_ms_a_picture=2.0,
    redis_ms_a_heartbeat=0.1,
    redis_ms_a_poll=0.05,
    redis_bytes={"waiting": 5000, "running": 6000, "finished": 4000},
)


def erlang_c(workers: int, load: float) -> float:
    """The share of jobs that wait, if painting times are exponential (Erlang, 1917)."""
    waiting = load**workers / factorial(workers) * workers / (workers - load)
    return waiting / (sum(load**count / factorial(count) for count in range(workers)) + waiting)


def simulate_jobs(workers: int, load: float, *, constant: bool = False) -> Waits:
    """Simulates jobs at random times that take a second in the mean."""
    random, at = Random(1), 0.0
    submissions = []
    for _ in range(JOBS):
        at += random.expovariate(load)
        submissions.append(at)
    return simulate(submissions, lambda: 1.0 if constant else random.expovariate(1.0), workers)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (2, 1.5), (8, 6.4), (20, 16.0)])
def test_the_mean_wait_follows_erlang_s_formula(workers: int, load: float) -> None:
    waits = simulate_jobs(workers, load)
    expected = erlang_c(workers, load) / (workers - load)
    assert sum(waits.seconds) / JOBS == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize(("workers", "load"), [(2, 1.5), (8, 6.4)])
def test_the_share_of_waiting_jobs_follows_erlang_s_formula(workers: int, load: float) -> None:
    waits = simulate_jobs(workers, load)
    for seconds in (0.0, 1.0):
        expected = erlang_c(workers, load) * exp(-(workers - load) * seconds)
        share = sum(each > seconds for each in waits.seconds) / JOBS
        assert share == pytest.approx(expected, rel=TOLERANCE)


def test_the_mean_wait_for_equally_long_jobs_follows_pollaczek_and_khinchine() -> None:
    load = 0.7
    waits = simulate_jobs(1, load, constant=True)
    assert sum(waits.seconds) / JOBS == pytest.approx(load / (2 * (1 - load)), rel=TOLERANCE)


def test_jobs_are_painted_in_the_order_of_their_submission() -> None:
    seconds = iter((5.0, 1.0, 1.0, 1.0))
    waits = simulate([0.0, 0.5, 1.0, 10.0], lambda: next(seconds), 1)
    assert waits.seconds == [0.0, 4.5, 5.0, 0.0]
    assert waits.ended == 11.0


def test_zero_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        simulate([0.0], lambda: 1.0, 0)


@pytest.mark.parametrize("peak", [1.0, 1.5, 3.0, 10.0])
def test_the_busiest_time_has_its_factor_of_the_mean_rate(peak: float) -> None:
    curve = DayCurve.with_peak(50_000, peak)
    assert curve.peak_rate == pytest.approx(peak * 50_000 / DAY_SECONDS, rel=0.001)
    times = list(curve.submissions(2, Random(1)))
    assert len(times) == pytest.approx(2 * 50_000, rel=0.02)
    around_noon = [each for each in times if abs(each % DAY_SECONDS - DAY_SECONDS / 2) < 600]
    assert len(around_noon) / 2 / 1200 == pytest.approx(curve.peak_rate, rel=0.1)


@pytest.mark.parametrize(("pictures", "peak", "words"), [
    (0, 2, "pictures must be more than 0, not 0"),
    (1000, 0.5, "peak must be between 1 and 24, not 0.5"),
    (1000, 25, "peak must be between 1 and 24, not 25"),
])  # fmt: skip
def test_an_impossible_day_is_refused(pictures: float, peak: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DayCurve.with_peak(pictures, peak)


def test_a_percentile_is_the_smallest_value_that_this_share_does_not_exceed() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, each) for each in (0, 20, 50, 95)] == [1.0, 1.0, 3.0, 5.0]


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize("least", [3, 4, 7, 20])
def test_the_fewest_workers_that_suffice_are_found(least: int) -> None:
    assert least_workers(lambda count: count >= least, fewest=1, guess=4) == least


def test_the_busiest_hour_is_around_noon_of_each_day() -> None:
    noon = DAY_SECONDS / 2
    times = [0.0, noon - 1801, noon - 1799, noon, noon + 1801, DAY_SECONDS + noon + 10]
    waits = Waits(times, [float(each) for each in range(6)], 0.0)
    assert waits.in_busiest_hour().seconds == [2.0, 3.0, 5.0]


def test_one_worker_fewer_than_planned_would_not_suffice() -> None:
    demand = Demand(20_000, peak=2.0, wait_seconds=10, percent=95)
    plan = make_plan(demand, PICTURE, RATES, seed=1)
    fewer = make_plan(demand, PICTURE, RATES, seed=1, workers=plan.workers - 1)
    assert plan.busiest_hour.p95 <= 10 < fewer.busiest_hour.p95


def test_a_thousand_pictures_take_the_hours_of_all_workers_or_of_painting() -> None:
    plan = make_plan(Demand(10_000), PICTURE, RATES, seed=1, workers=3)
    assert plan.gpu_hours == pytest.approx(3 * 24 / 10)
    assert plan.painting_hours == pytest.approx(2.0 * 1000 / 3600)
    assert plan.busy_share == pytest.approx(plan.painting_hours / plan.gpu_hours)


def test_the_load_is_computed_for_the_busiest_time() -> None:
    demand = Demand(DAY_SECONDS, peak=1.0, polls_a_second=2.0, retention_hours=48)
    load = make_plan(demand, PICTURE, RATES, seed=1, workers=1000).load  # nobody waits
    assert load.submissions_a_second == pytest.approx(1.0)
    assert load.polls_a_second == pytest.approx(4.0)
    assert load.api_cores == pytest.approx(1 / 10 + 4 / 1000)
    assert load.redis_share == pytest.approx((2.0 + 4 * 0.05 + 2 * 2 * 0.1) / 1000)
    assert load.redis_bytes == pytest.approx(2 * 6000 + 2 * DAY_SECONDS * 4000)
    assert load.store_writes_a_second == pytest.approx(store_writes(2.0))
    assert load.stored_bytes == pytest.approx(2 * DAY_SECONDS * 1_000_000)
    assert load.pictures_a_day["api_core"] == pytest.approx(DAY_SECONDS / load.api_cores, rel=1e-3)
    assert load.pictures_a_day["redis"] == pytest.approx(DAY_SECONDS / load.redis_share, rel=1e-3)


@pytest.mark.parametrize("name", GPU_PICTURES)
def test_every_kind_of_picture_was_measured_several_times(name: str) -> None:
    picture = gpu_picture(name)
    assert len(picture.seconds) >= 10
    assert picture.device.startswith("NVIDIA")


@pytest.mark.parametrize(("arguments", "words"), [
    (["0"], "argument pictures: must be a number between 1 and 1e+07, not '0'"),
    (["many"], "argument pictures: must be a number between 1 and 1e+07, not 'many'"),
    (["1000", "--peak", "0.5"], "argument --peak: must be a number between 1 and 24, not '0.5'"),
    (["1000", "--wait", "nan"], "argument --wait: must be a number between 0.001 and 86,400"),
    (["1000", "--percent", "100"], "argument --percent: must be a number between 1 and 99.9"),
    (["1000", "--workers", "1.5"], "argument --workers: must be a whole number between 1 and"),
    (["1000", "--gpu-hour-price", "-1"], "argument --gpu-hour-price: must be a number between 0"),
    (["1000", "--picture", "huge"], "argument --picture: invalid choice: 'huge'"),
    ([], "the following arguments are required: pictures"),
])  # fmt: skip
def test_a_bad_argument_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        capacity.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_the_command_prints_workers_costs_and_loads(capsys: pytest.CaptureFixture[str]) -> None:
    capacity.main(["1000", "--seconds", "30", "--workers", "2", "--gpu-hour-price", "4"])
    out = capsys.readouterr().out
    assert "standard-512, 30.00 s each on your device" in out
    # 2 × 24 hours at 4, and 1,000 × 30 s at 4 an hour.
    assert "192.00 if all run all day, 33.33 while they paint" in out


def test_the_same_seed_gives_the_same_plan_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    plans = []
    for seed in ("1", "1", "2"):
        capacity.main(["1000", "--seed", seed, "--json"])
        plans.append(json.loads(capsys.readouterr().out))
    assert plans[0] == plans[1] != plans[2]
    assert plans[0]["workers"] >= 1
