"""Compares the simulated queue with a real one: python -m benchmarks.capacity_check

A whole service with two workers of one thread each gets small jobs at random times. After a few
jobs, the workers announce how long a job takes. With that and the same submission times, the
simulation predicts the waits and the throughput. With the time that each job really took, it must
reproduce the waits. Other random times show how much of a difference is chance. The results go to
`benchmarks/results/capacity_check.json`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from random import Random
from statistics import mean
from time import monotonic, sleep
from typing import Any

import httpx

from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from benchmarks.queue_simulation import Waits, percentile, simulate
from benchmarks.several_workers import service_with_two_workers, submit
from local.supervisor import LocalService
from pastiche import Options
from pastiche.sizes import scales
from shared.job_store import JobStore
from shared.workers import list_workers
from tests.waiting import until
from worker.painting_process import REGISTER_SECONDS

FILE = RESULTS / "capacity_check.json"
WORKERS = 2
SIZE, ITERATIONS = 64, 40
HEIGHT, WIDTH = 48, 64
CALIBRATION_JOBS = 16
STREAM_SECONDS = 125.0
UTILISATION = 0.75
OTHER_STREAMS = 500
SEED = 1

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Summary:
    """Waits in seconds, and how many jobs ended per minute."""

    median: float
    p95: float
    mean: float
    jobs_a_minute: float

    @classmethod
    def of(cls, waits: Waits) -> "Summary":
        seconds = waits.seconds
        spent = waits.ended - waits.submitted[0]
        return cls(
            waits.percentile(50), waits.percentile(95), mean(seconds), 60 * len(seconds) / spent
        )


def random_times(rate: float, seconds: float, seed: int) -> list[float]:
    """A Poisson process: the times of its events."""
    random, times = Random(seed), [0.0]
    while times[-1] < seconds:
        times.append(times[-1] + random.expovariate(rate))
    return times[1:-1]


def announced_seconds(redis_url: str) -> float:
    """How long a job takes, as the mean of what the workers announce."""
    jobs = JobStore.connect(redis_url)
    workers = jobs.run(list_workers())
    jobs.client.close()
    plan = scales(HEIGHT, WIDTH, Options(size=SIZE, iterations=ITERATIONS))
    estimates = [worker.speed.estimate(plan) for worker in workers]
    assert len(estimates) == WORKERS, workers
    return mean(each for each in estimates if each is not None)


def submit_at(http: httpx.Client, times: Sequence[float]) -> list[str]:
    """Submits a job at each of these times, in seconds from now. Returns the jobs' links."""
    links, began = [], monotonic()
    for at in times:
        sleep(max(0.0, began + at - monotonic()))
        links.append(str(submit(http, SIZE, ITERATIONS)["links"]["self"]))
    return links


def wait_for_end(http: httpx.Client, redis_url: str, links: list[str]) -> list[dict[str, Any]]:
    """The records of jobs, once no job waits or is painted."""
    jobs = JobStore.connect(redis_url)
    until(
        lambda: not jobs.client.zcard("queue:waiting") + jobs.client.zcard("queue:running"),
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    jobs.client.close()
    found = [http.get(link).raise_for_status().json() for link in links]
    assert all(job["status"] == "succeeded" for job in found), found
    return found


def read_time(job: dict[str, Any], field: str) -> float:
    """A time of a job's record, in seconds since 1970."""
    return datetime.fromisoformat(job[field]).timestamp()


def measured_waits(jobs: Sequence[dict[str, Any]]) -> Waits:
    """The waits in the records of jobs."""
    submitted = [read_time(job, "created_at") for job in jobs]
    started = [read_time(job, "started_at") for job in jobs]
    waits = [end - begin for begin, end in zip(submitted, started, strict=True)]
    return Waits(submitted, waits, max(read_time(job, "finished_at") for job in jobs))


def measure(http: httpx.Client, service: LocalService) -> dict[str, Any]:
    """Measures a real run, and simulates one with the same submission times."""
    for _ in range(2):  # the first jobs load the network
        wait_for_end(http, service.redis_url, submit_at(http, [0.0] * CALIBRATION_JOBS))
    sleep(REGISTER_SECONDS + 1)  # until the newest speed is announced
    seconds = announced_seconds(service.redis_url)
    rate = UTILISATION * WORKERS / seconds
    links = submit_at(http, random_times(rate, STREAM_SECONDS, SEED))
    jobs = wait_for_end(http, service.redis_url, links)
    real = measured_waits(jobs)
    return {
        "jobs": len(jobs),
        "jobs_a_second": rate,
        "announced_seconds": seconds,
        "measured_seconds": mean(map(painting_seconds, jobs)),
        "measured": asdict(Summary.of(real)),
        "predicted": asdict(Summary.of(simulate(real.submitted, lambda: seconds, WORKERS))),
        "with_measured_seconds": asdict(Summary.of(replay(jobs))),
        "by_chance": by_chance(rate, seconds),
    }


def painting_seconds(job: dict[str, Any]) -> float:
    """How long a worker was busy with a job."""
    return read_time(job, "finished_at") - read_time(job, "started_at")


def replay(jobs: Sequence[dict[str, Any]]) -> Waits:
    """The simulated queue, in which each job takes as long as it really did."""
    submitted = sorted(read_time(job, "created_at") for job in jobs)
    in_order = sorted(jobs, key=lambda job: read_time(job, "started_at"))
    seconds = map(painting_seconds, in_order)
    return simulate(submitted, lambda: next(seconds), WORKERS)


def by_chance(rate: float, seconds: float) -> dict[str, list[float]]:
    """The range that contains nine of ten such runs with other random submission times."""
    runs = [
        Summary.of(
            simulate(random_times(rate, STREAM_SECONDS, SEED + number), lambda: seconds, WORKERS)
        )
        for number in range(1, OTHER_STREAMS + 1)
    ]
    columns = {name: [asdict(run)[name] for run in runs] for name in Summary.__slots__}
    return {
        name: [percentile(values, 5), percentile(values, 95)] for name, values in columns.items()
    }


def main() -> None:
    """Prints the results, and writes them to the file."""
    with service_with_two_workers() as (http, service):
        found = measure(http, service)
    found = {
        "machine": machine() | {"threads": 1},
        "workers": WORKERS,
        "size": SIZE,
        "iterations": ITERATIONS,
    } | found
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)


if __name__ == "__main__":
    main()
