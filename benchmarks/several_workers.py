"""Compares two workers with one: python -m benchmarks.several_workers

It runs a whole service with two workers of one thread each. Either one client or two clients submit
jobs, each waiting for its picture before the next, so that one or both workers paint. These take
turns, and each round begins with the other. A round only counts if no other program used the
machine right before and after it. The results go to `benchmarks/results/several_workers.json`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
from PIL import Image

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, RESULTS
from local.supervisor import LocalService, Operator, running
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import list_workers
from tests.waiting import until

FILE = RESULTS / "several_workers.json"
ROUNDS = 8
JOBS_EACH = 3
WARM_UP_ROUNDS = 2
CLIENTS = {"one": 1, "two": 2}
"""The number of clients, and so of workers that paint at the same time."""

IDLE_SECONDS = 1.0
MAX_OTHERS_SHARE = 0.1
"""The maximum load of all cores between rounds, including the idle service."""

SIZE, ITERATIONS = 128, 40


@contextmanager
def another_worker(service: LocalService) -> Iterator[None]:
    """Runs one more worker, from its registration to its shutdown."""
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


@contextmanager
def service_with_two_workers() -> Iterator[tuple[httpx.Client, LocalService]]:
    """A whole service with two workers of one thread each."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers, which are started from here
    with TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), port=0)
        with (
            running(settings, Operator()) as service,
            another_worker(service),
            httpx.Client(base_url=service.url, timeout=60, trust_env=False) as http,
        ):
            yield http, service


@cache
def example(kind: str, name: str, size: int) -> bytes:
    """An example image with this longest side, as a PNG file."""
    out = BytesIO()
    with Image.open(Path("examples/images") / kind / f"{name}.jpg") as image:
        image.thumbnail((size, size))
        image.save(out, "PNG")
    return out.getvalue()


def submit(
    http: httpx.Client, size: int, iterations: int, *, wait_seconds: int = 0
) -> dict[str, Any]:
    """Submits a job. Its images have the job's size, so that decoding takes little of the
    processors. Returns the job at once, or once it is over if `wait_seconds` is given."""
    files = {
        "content": example("content", "harbour", size),
        "style": example("style", "wave", size),
    }
    form = {"size": str(size), "iterations": str(iterations), "backbone": BACKBONE}
    headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
    job: dict[str, Any] = (
        http.post("/jobs", files=files, data=form, headers=headers).raise_for_status().json()
    )
    return job


def paint(http: httpx.Client, count: int) -> None:
    """Paints a number of pictures, one after the other."""
    for _ in range(count):
        job = submit(http, SIZE, ITERATIONS, wait_seconds=60)
        assert job["status"] == "succeeded", job


def jobs_a_minute(http: httpx.Client, clients: int) -> float:
    """Measures how many pictures are painted per minute for this number of clients."""
    began = monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: paint(http, JOBS_EACH), range(clients)))
    return 60 * clients * JOBS_EACH / (monotonic() - began)


def measure_others_share() -> float:
    """Measures how much of the machine is in use while the service is idle (Linux)."""
    spans = []
    for pause in (IDLE_SECONDS, 0.0):
        spans.append(
            [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        )
        sleep(pause)
    spent: list[int] = [after - before for before, after in zip(*spans, strict=True)]
    idle, waiting = spent[3:5]
    return 1 - (idle + waiting) / sum(spent)


def measure(http: httpx.Client) -> Iterator[dict[str, float]]:
    """Yields the jobs per minute of both, for each round that counts."""
    for _ in range(WARM_UP_ROUNDS):  # the first jobs of a worker load the network
        jobs_a_minute(http, 2)
    order = list(CLIENTS)
    before = measure_others_share()
    while True:
        found = {name: jobs_a_minute(http, CLIENTS[name]) for name in order}
        after = measure_others_share()
        if max(before, after) <= MAX_OTHERS_SHARE:
            one, two = (found[name] for name in CLIENTS)
            yield {"one": one, "two": two, "ratio": two / one}
        before = after
        order.reverse()


def main() -> None:
    """Prints the results, and writes them to the file."""
    with service_with_two_workers() as (http, _):
        rounds = list(islice(measure(http), ROUNDS))
    found = {
        "machine": machine() | {"threads": 1, "cores": os.cpu_count()},
        "size": SIZE,
        "iterations": ITERATIONS,
        "jobs_a_minute": {key: median(each[key] for each in rounds) for key in rounds[0]},
        "rounds": rounds,
    }
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)


if __name__ == "__main__":
    main()
