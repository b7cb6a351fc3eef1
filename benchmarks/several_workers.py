"""How much more two workers paint than one: python -m benchmarks.several_workers

A whole service with workers of one thread each. One worker works off a batch of equal jobs, two
work off one twice as large, by turns. What it finds goes to
`benchmarks/results/several_workers.json`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, RESULTS
from local.supervisor import LocalService, Operator, running
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import list_workers
from tests.waiting import until

FILE = RESULTS / "several_workers.json"
ROUNDS = 5
JOBS_EACH = 6
WARM_UP_EACH = 2
SIZE, ITERATIONS = 128, 40

_EXAMPLES = Path("examples/images")
_PATIENCE_SECONDS = 300


@contextmanager
def another_worker(service: LocalService) -> Iterator[None]:
    """One more worker, from when it is registered until it has shut down."""
    jobs = JobStore.connect(service.redis_url)
    before = len(jobs.run(list_workers()))
    environment = {
        "PASTICHE_REDIS_URL": service.redis_url,
        "PASTICHE_DATA_FOLDER": str(service.data.path),
    }
    with (service.data.logs / "another-worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], env=os.environ | environment, stdout=log, stderr=log
        )
        try:
            until(lambda: len(jobs.run(list_workers())) > before)
            yield
        finally:
            process.terminate()
            process.wait()
            jobs.client.close()


def use_one_thread() -> None:
    """Gives each worker that is started from now on one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"


def submit(http: httpx.Client, size: int, iterations: int) -> str:
    """Submits a job; its link."""
    files = {
        "content": (_EXAMPLES / "content" / "harbour.jpg").read_bytes(),
        "style": (_EXAMPLES / "style" / "wave.jpg").read_bytes(),
    }
    form = {"size": str(size), "iterations": str(iterations), "backbone": BACKBONE}
    job = http.post("/jobs", files=files, data=form).raise_for_status().json()
    return str(job["links"]["self"])


def wait_for_end(http: httpx.Client, redis_url: str, links: list[str]) -> list[dict[str, Any]]:
    """The records of jobs, once all have succeeded and no other job waits or is painted."""
    jobs = JobStore.connect(redis_url)
    until(
        lambda: not jobs.client.zcard("queue:waiting") + jobs.client.zcard("queue:running"),
        patience_seconds=_PATIENCE_SECONDS,
    )
    jobs.client.close()
    found = [http.get(link).raise_for_status().json() for link in links]
    assert all(job["status"] == "succeeded" for job in found), found
    return found


def seconds_of(job: dict[str, Any], field: str) -> float:
    """A time of a job's record, in seconds since 1970."""
    return datetime.fromisoformat(job[field]).timestamp()


def work_off(http: httpx.Client, redis_url: str, count: int) -> float:
    """How many jobs were painted per minute, from the first claim to the last end."""
    links = [submit(http, SIZE, ITERATIONS) for _ in range(count)]
    found = wait_for_end(http, redis_url, links)
    began = min(seconds_of(job, "started_at") for job in found)
    return 60 * count / (max(seconds_of(job, "finished_at") for job in found) - began)


def measure(http: httpx.Client, service: LocalService) -> list[dict[str, float]]:
    """The jobs per minute of both, in each round."""
    rounds = []
    work_off(http, service.redis_url, WARM_UP_EACH)
    for _ in range(ROUNDS):
        one = work_off(http, service.redis_url, JOBS_EACH)
        with another_worker(service):
            work_off(http, service.redis_url, 2 * WARM_UP_EACH)
            two = work_off(http, service.redis_url, 2 * JOBS_EACH)
        rounds.append({"one": one, "two": two, "ratio": two / one})
    return rounds


def main() -> None:
    """Prints what it found, and writes it down."""
    use_one_thread()
    with TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), port=0)
        with (
            running(settings, Operator()) as service,
            httpx.Client(base_url=service.url, timeout=60, trust_env=False) as http,
        ):
            rounds = measure(http, service)
    found = {
        "machine": machine() | {"threads": 1, "cores": os.cpu_count()},
        "size": SIZE,
        "iterations": ITERATIONS,
        "jobs_a_minute": {
            key: median(each[key] for each in rounds) for key in ("one", "two", "ratio")
        },
        "rounds": rounds,
    }
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)


if __name__ == "__main__":
    main()
