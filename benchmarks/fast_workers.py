"""Measures the cost of a job without painting: python -m benchmarks.fast_workers [WORKERS]

Fifty workers run whole attempts with the worker's own code, except that they do not paint: they
wait for a message, claim a job, hold its lease, load its images and commit a picture. It measures
the time from submission to the end while jobs come one by one, how fast the workers process a full
queue, and Redis's processor time for both. The results go to
`benchmarks/results/fast_workers.json`.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from io import BytesIO
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
from PIL import Image

from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from benchmarks.redis_memory import CALLERS, ITERATIONS, PIXELS, PROGRESS
from local.supervisor import free_port
from pastiche import Options
from shared import transitions
from shared.blob_store import BlobStore, input_key
from shared.celery_app import PAINT_QUEUE, create_queue, publish
from shared.inputs import Inputs
from shared.job_store import JobStore, Reply, Transition
from shared.jobs import QueueEntry, new_job_id
from shared.settings import Settings
from shared.workers import list_workers
from tests.conftest import running_api, running_redis
from tests.waiting import until
from worker.context import Capability, FreeMemory, Shutdown, WorkerContext
from worker.painting_process import Registration
from worker.tasks import next_attempt

FILE = RESULTS / "fast_workers.json"
WORKERS = 50

SUBMISSIONS = 100
SUBMISSIONS_A_SECOND = 5
QUEUED = 500
REPETITIONS = 2000
"""How often a script runs, to measure its share of Redis's processor time."""

_FREE_BYTES = 16 * 2**30


def png(width: int, height: int) -> bytes:
    """A picture of noise."""
    out = BytesIO()
    Image.effect_noise((width, height), 64).convert("RGB").save(out, "PNG")
    return out.getvalue()


def work(settings: Settings, name: str, picture: bytes, started: Event, ended: Event) -> None:
    """A worker that commits this picture for every job."""
    queue = create_queue(settings)
    free_memory = FreeMemory(lambda: _FREE_BYTES)
    capability = Capability(name, "none", "float32", settings, free_memory)
    context = WorkerContext.open(settings, queue, Shutdown(), capability)
    Registration(context, lambda: 0).start()
    started.wait()
    with queue.connection_for_read() as connection:
        # The stubs only know the name of a queue.
        messages = connection.SimpleQueue(queue.amqp.queues[PAINT_QUEUE])  # type: ignore[arg-type]
        while not ended.is_set():
            try:
                message = messages.get(timeout=1)
            except Empty:
                continue
            with next_attempt(context) as attempt:
                if attempt is not None:
                    attempt.load()
                    attempt.commit(picture)
            message.ack()


@contextmanager
def working(settings: Settings, count: int) -> Iterator[Event]:
    """Runs this number of workers, each in its own process. They begin when the event is set."""
    context = get_context("fork")
    started, ended = context.Event(), context.Event()
    picture = png(512, 384)
    processes = [
        context.Process(target=work, args=(settings, f"fast-{number}", picture, started, ended))
        for number in range(count)
    ]
    for process in processes:
        process.start()
    try:
        yield started
    finally:
        started.set()
        ended.set()
        for process in processes:
            process.join()


def enqueue(jobs: JobStore, settings: Settings, count: int) -> None:
    """Submits jobs of several callers, with images and messages, as the API does."""
    blobs, image = BlobStore.open(settings.blob_store_location), png(64, 48)
    queue = create_queue(settings)
    for number in range(count):
        job_id = new_job_id()
        inputs = Inputs(input_key(job_id, "content-0"), (input_key(job_id, "style-0"),))
        latest_ms = jobs.run(transitions.begin_submission(job_id))
        inputs.mapped(lambda key: blobs.put(key, image))
        entry = QueueEntry(f"10.0.0.{number % CALLERS}", PIXELS * ITERATIONS, pixels=PIXELS)
        submission = transitions.submit(
            job_id, latest_ms, asdict(Options()), inputs, entry, queue_limit=sys.maxsize
        )
        assert jobs.run(submission) == "queued"
        publish(queue, job_id)
    queue.close()


def count_running(jobs: JobStore) -> int:
    """How many jobs are waiting or being painted."""
    return jobs.client.zcard("queue:waiting") + jobs.client.zcard("queue:running")


def measure_full_queue(jobs: JobStore, settings: Settings, started: Event) -> dict[str, float]:
    """Measures how fast waiting workers process a full queue."""
    before = processor_seconds(jobs)
    enqueue(jobs, settings, QUEUED)
    queued = processor_seconds(jobs)
    began = monotonic()
    started.set()
    until(lambda: not count_running(jobs), timeout_seconds=300)
    seconds = monotonic() - began
    used = processor_seconds(jobs) - queued
    return {
        "jobs": QUEUED,
        "ms_a_job": 1000 * seconds / QUEUED,
        "redis_ms_a_submission": 1000 * (queued - before) / QUEUED,
        "redis_ms_a_job": 1000 * used / QUEUED,
    }


def measure_single_jobs(http: httpx.Client, jobs: JobStore) -> dict[str, float]:
    """Measures the time from submission to the end, by the records, while jobs come one by one."""
    image = png(64, 48)
    links, began = [], monotonic()
    for number in range(SUBMISSIONS):
        sleep(max(0.0, began + number / SUBMISSIONS_A_SECOND - monotonic()))
        response = http.post("/jobs", files={"content": image, "style": image})
        links.append(response.raise_for_status().json()["links"]["self"])
    until(lambda: not count_running(jobs))
    found = [http.get(link).raise_for_status().json() for link in links]
    assert all(job["status"] == "succeeded" for job in found)
    spans = [_milliseconds(job["created_at"], job["finished_at"]) for job in found]
    return {
        "jobs": SUBMISSIONS,
        "jobs_a_second": SUBMISSIONS_A_SECOND,
        "median_ms": median(spans),
        "p95_ms": quantiles(spans, n=20)[-1],
    }


def _milliseconds(earlier: str, later: str) -> float:
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return span.total_seconds() * 1000


def measure_scripts(jobs: JobStore, settings: Settings) -> dict[str, float]:
    """Measures Redis's processor time for a heartbeat and for a poll, in milliseconds."""
    enqueue(jobs, settings, 1)
    (job_id,) = (str(each) for each in jobs.client.zrange("queue:waiting", 0, 0))
    claim = jobs.run(transitions.claim(job_id, lease_seconds=3600))
    assert claim is not None
    heartbeat = transitions.heartbeat(
        job_id,
        claim.fence,
        lease_seconds=3600,
        fields={"progress": PROGRESS.to_json()},
        remaining=PIXELS,
    )
    return {
        "redis_ms_a_heartbeat": _processor_ms(jobs, heartbeat),
        "redis_ms_a_poll": _processor_ms(jobs, transitions.read(job_id)),
    }


def _processor_ms(jobs: JobStore, transition: Transition[Reply]) -> float:
    before = processor_seconds(jobs)
    for _ in range(REPETITIONS):
        jobs.run(transition)
    return 1000 * (processor_seconds(jobs) - before) / REPETITIONS


def processor_seconds(jobs: JobStore) -> float:
    """How long Redis has used a processor so far."""
    used = jobs.client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def measure(folder: Path, workers: int) -> dict[str, Any]:
    """Measures everything, on a new Redis and with a new API."""
    with ExitStack() as stack:
        (folder / "redis").mkdir()
        url = stack.enter_context(running_redis(folder / "redis"))
        port = free_port("127.0.0.1", 0)
        settings = Settings(redis_url=url, data_folder=folder / "data", port=port)
        jobs = JobStore.connect(url)
        stack.callback(jobs.client.close)
        # The workers are forked before this process has threads, such as the blob store's.
        started = stack.enter_context(working(settings, workers))
        until(lambda: len(jobs.run(list_workers())) == workers)
        scripts = measure_scripts(jobs, settings)
        jobs.client.flushall()
        full_queue = measure_full_queue(jobs, settings, started)
        api = stack.enter_context(running_api(settings))
        single_jobs = measure_single_jobs(api.http, jobs)
    return {
        "workers": workers,
        "scripts": scripts,
        "full_queue": full_queue,
        "single_jobs": single_jobs,
    }


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file."""
    workers = int(arguments[0]) if arguments else WORKERS
    with TemporaryDirectory() as folder:
        measured = measure(Path(folder), workers)
    found = {"machine": machine() | {"threads": 1}} | measured
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    FILE.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
