"""Plans what a number of pictures a day needs, by simulating days with measured rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from random import Random

from benchmarks.queue_simulation import (
    DAY_SECONDS,
    HOUR_SECONDS,
    DayCurve,
    Waits,
    least_workers,
    simulate,
)
from benchmarks.service_rates import (
    STORE_READS,
    STORE_READS_A_SECOND,
    STORE_WRITES_A_SECOND,
    Picture,
    ServiceRates,
    store_writes,
)
from shared.settings import Settings

SIMULATED_PICTURES = 20_000
"""The minimum number of pictures that is simulated, on several days if necessary."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How many pictures must be painted, and how soon.

    Attributes:
        pictures: the number of pictures a day.
        peak: the rate of submissions at the busiest time, relative to the mean.
        wait_seconds: the longest wait from submission to the start of painting in the busiest hour.
        percent: the percentage of pictures that may wait no longer.
        polls_a_second: the polls of each client, while its picture waits and is painted.
        retention_hours: how long finished jobs are retained.
    """

    pictures: float
    peak: float = 2.0
    wait_seconds: float = 10.0
    percent: float = 95.0
    polls_a_second: float = 1.0
    retention_hours: float = 168.0


@dataclass(frozen=True, slots=True)
class WaitSummary:
    """Seconds from submission to the start of painting."""

    median: float
    p95: float

    @classmethod
    def of(cls, waits: Waits) -> "WaitSummary":
        return cls(waits.percentile(50), waits.percentile(95))


@dataclass(frozen=True, slots=True)
class Load:
    """The load of everything except the GPUs at the busiest time, and how much is stored.

    Attributes:
        redis_share: the load of one core, as Redis uses only one.
        redis_bytes: the memory of Redis, with all retained jobs.
        pictures_a_day: the number of pictures a day at which each part is saturated: one core of
            the API, one Redis, one prefix of an object store.
    """

    submissions_a_second: float
    polls_a_second: float
    api_cores: float
    redis_share: float
    redis_bytes: int
    store_writes_a_second: float
    store_reads_a_second: float
    stored_bytes_a_day: int
    stored_bytes: int
    pictures_a_day: dict[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demand needs.

    Attributes:
        busy_share: the share of the whole day that the workers paint.
        gpu_hours: for a thousand pictures, with all workers running all day.
        painting_hours: the same, if workers ran only while they paint.
    """

    workers: int
    whole_day: WaitSummary
    busiest_hour: WaitSummary
    busy_share: float
    gpu_hours: float
    painting_hours: float
    load: Load


def make_plan(
    demand: Demand, picture: Picture, rates: ServiceRates, *, seed: int, workers: int | None = None
) -> Plan:
    """Simulates the demand with the smallest number of workers that suffices, or with `workers`.

    Raises:
        ValueError: a number is out of its range.
    """
    curve = DayCurve.with_peak(demand.pictures, demand.peak)
    days = max(1, ceil(SIMULATED_PICTURES / demand.pictures))
    submissions = list(curve.submissions(days, Random(seed)))

    @cache
    def waits(count: int) -> Waits:
        random = Random(seed)  # the same pictures for every number of workers
        return simulate(submissions, lambda: random.choice(picture.seconds), count)

    if workers is None:
        workers = least_workers(
            lambda count: _suffices(waits(count), demand),
            fewest=max(1, int(demand.pictures * picture.mean_seconds / DAY_SECONDS)),
            guess=ceil(curve.peak_rate * picture.mean_seconds),
        )
    painting_hours = picture.mean_seconds / HOUR_SECONDS * 1000
    gpu_hours = workers * 24 / demand.pictures * 1000
    busiest = waits(workers).in_busiest_hour()
    return Plan(
        workers,
        WaitSummary.of(waits(workers)),
        WaitSummary.of(busiest),
        painting_hours / gpu_hours,
        gpu_hours,
        painting_hours,
        _load(demand, curve.peak_rate, picture, _mean(busiest.seconds), rates),
    )


def _suffices(waits: Waits, demand: Demand) -> bool:
    return waits.in_busiest_hour().percentile(demand.percent) <= demand.wait_seconds


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _load(
    demand: Demand, rate: float, picture: Picture, wait_seconds: float, rates: ServiceRates
) -> Load:
    """The load at a rate of submissions, each of which waits `wait_seconds` in the mean.

    By Little's law, the number of waiting jobs is the rate times the mean wait, and the number of
    running jobs is the rate times the mean painting time.
    """
    painting = picture.mean_seconds
    waiting, running = rate * wait_seconds, rate * painting
    finished = demand.pictures * demand.retention_hours / 24
    polls = demand.polls_a_second * (waiting + running)
    heartbeats = running / Settings().heartbeat_seconds
    redis_ms = (
        rate * rates.redis_ms_a_picture
        + polls * rates.redis_ms_a_poll
        + heartbeats * rates.redis_ms_a_heartbeat
    )
    jobs = {"waiting": waiting, "running": running, "finished": finished}
    api_cores = rate / rates.submissions_a_core + polls / rates.polls_a_core
    writes, reads = rate * store_writes(painting), rate * STORE_READS
    stored_a_day = demand.pictures * picture.stored_bytes
    shares = {
        "api_core": api_cores,
        "redis": redis_ms / 1000,
        "store": max(writes / STORE_WRITES_A_SECOND, reads / STORE_READS_A_SECOND),
    }
    return Load(
        submissions_a_second=rate,
        polls_a_second=polls,
        api_cores=api_cores,
        redis_share=redis_ms / 1000,
        redis_bytes=round(sum(count * rates.redis_bytes[state] for state, count in jobs.items())),
        store_writes_a_second=writes,
        store_reads_a_second=reads,
        stored_bytes_a_day=round(stored_a_day),
        stored_bytes=round(stored_a_day * demand.retention_hours / 24),
        pictures_a_day={part: round(demand.pictures / share) for part, share in shares.items()},
    )
