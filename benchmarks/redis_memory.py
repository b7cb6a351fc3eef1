"""Measures how much memory Redis needs: python -m benchmarks.redis_memory [JOBS]

This number of jobs waits, is painted and is finished, all at the same time, with the scripts and
the messages of the service. For each state, it divides the memory of all keys of one kind by the
number of jobs. The total also includes Redis's table of keys.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from api.submissions.idempotency import make_idempotency_key, reserve
from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from pastiche import Options
from shared import transitions, uploaded_pictures
from shared.blob_store import input_key, losses_key, preview_key, result_key
from shared.celery_app import MESSAGES_KEY, create_queue, publish
from shared.inputs import Inputs
from shared.job_store import JobStore
from shared.jobs import NOBODY, PaintingStats, QueueEntry, new_job_id
from shared.progress import Progress
from shared.settings import Settings
from shared.transitions import Retention
from shared.uploaded_pictures import PictureContent, PictureLimits
from tests.conftest import running_redis

CALLERS = 50
PIXELS, ITERATIONS = 512 * 384, 120
TIMEOUT_SECONDS = 3600.0

PROGRESS = Progress(
    iteration=60,
    iterations=ITERATIONS,
    scale=3,
    scales=4,
    work=0.5123456789012345,
    eta_seconds=12.3,
    losses=dict.fromkeys(("content", "style", "tv", "gamut", "total"), 1234.5678901234567),
)
"""Its numbers have as many digits as those of a worker."""

UNACKNOWLEDGED_KEY = "unacked"
"""The hash in which Celery stores the messages of running jobs."""


def submit(jobs: JobStore, number: int) -> str:
    """Submits a job as the Python client does, with an idempotency key. Returns its id."""
    job_id = new_job_id()
    inputs = Inputs(input_key(job_id, "content-0"), (input_key(job_id, "style-0"),))
    key = make_idempotency_key(NOBODY, token_hex(16))
    jobs.run(reserve(key, token_hex(32)))
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry(
        f"10.0.0.{number % CALLERS}",
        PIXELS * ITERATIONS,
        pixels=PIXELS,
        image_bytes=10_000_000,
        request_id=token_hex(16),
    )
    submission = transitions.submit(
        job_id,
        latest_ms,
        asdict(Options()),
        inputs,
        entry,
        queue_limit=sys.maxsize,
        idempotency_key=key,
    )
    assert jobs.run(submission) == "queued"
    return job_id


def reported_fields(job_id: str, fence: str) -> dict[str, str]:
    """The fields that a worker writes to the record of a job while it paints."""
    return {
        "progress": PROGRESS.to_json(),
        "backbone_name": "vgg16",
        "backbone_sha256": token_hex(32),
        "stats": json.dumps(asdict(PaintingStats("NVIDIA H100", "bfloat16", 123.456, 2**30))),
        "preview_key": preview_key(job_id, fence),
        "preview_iteration": "60",
        "losses_key": losses_key(job_id, fence),
    }


def begin(jobs: JobStore, job_id: str) -> str:
    """Claims a job as a worker does, takes its message, and reports all fields. Returns the
    fence."""
    claim = jobs.run(transitions.claim(job_id, lease_seconds=TIMEOUT_SECONDS))
    assert claim is not None
    fence = claim.fence
    heartbeat = transitions.heartbeat(
        job_id,
        fence,
        lease_seconds=TIMEOUT_SECONDS,
        fields=reported_fields(job_id, fence),
        weight_updates=0,
        remaining=PIXELS,
    )
    assert jobs.run(heartbeat).answer == "ok"
    message = jobs.client.rpop(MESSAGES_KEY)
    jobs.client.hset(UNACKNOWLEDGED_KEY, token_hex(16), json.dumps([message, "", MESSAGES_KEY]))
    return fence


def end(jobs: JobStore, job_id: str, fence: str) -> None:
    """Commits a picture as a worker does, and cleans up as the reconciler does."""
    retention = Retention.from_settings(Settings(kept_jobs_per_owner=10**9, kept_jobs=10**9))
    key = result_key(job_id, fence)
    committed = transitions.succeed(job_id, fence, result_key=key, fields={}, retention=retention)
    assert jobs.run(committed) == "ok"
    due_ms = jobs.client.zscore("jobs:debris", job_id)
    assert due_ms is not None
    assert jobs.run(transitions.mark_cleaned(job_id, due_ms))


def upload(jobs: JobStore) -> None:
    """Uploads a picture for several jobs."""
    picture_id = uploaded_pictures.make_picture_id(NOBODY, token_hex(32))
    blob = uploaded_pictures.new_blob_key(picture_id)
    jobs.run(uploaded_pictures.begin_upload(picture_id, NOBODY, blob))
    content = PictureContent(token_hex(32), 4000, 3000, 20_000_000, False)
    limits = PictureLimits(24.0, 10**9, 10**9)
    stored = uploaded_pictures.store(
        picture_id, NOBODY, name="a photograph.jpg", content=content, blob=blob, limits=limits
    )
    assert jobs.run(stored) is not None


def measure_kinds(jobs: JobStore, count: int) -> dict[str, float]:
    """How many bytes the keys of each kind take, divided by the number of jobs."""
    kinds: Counter[str] = Counter()
    for key in jobs.client.scan_iter(count=1000):
        kind = key.partition(":{")[0] if ":{" in key else key
        kind = "idempotency" if key.startswith("idempotency:") else kind
        kinds[kind] += jobs.client.memory_usage(key, samples=0) or 0
    return {kind: round(size / count, 1) for kind, size in kinds.most_common() if size >= count}


def measure(jobs: JobStore, count: int) -> dict[str, object]:
    """Measures the bytes of a job in each state, and of an uploaded picture."""
    client = jobs.client
    empty = used_memory(jobs)

    def report() -> dict[str, object]:
        total = round((used_memory(jobs) - empty) / count)
        return {"total": total, "kinds": measure_kinds(jobs, count)}

    url = f"unix://{client.connection_pool.connection_kwargs['path']}"
    queue = create_queue(Settings(redis_url=url))
    ids = [submit(jobs, number) for number in range(count)]
    for job_id in ids:
        publish(queue, job_id)
    queue.close()
    found: dict[str, object] = {"empty": empty, "waiting": report()}
    fences = [begin(jobs, job_id) for job_id in ids]
    found["running"] = report()
    client.delete(UNACKNOWLEDGED_KEY)
    for job_id, fence in zip(ids, fences, strict=True):
        end(jobs, job_id, fence)
    found["finished"] = report()
    client.flushall()
    for _ in range(count):
        upload(jobs)
    return found | {"uploaded picture": report()}


def used_memory(jobs: JobStore) -> int:
    return int(jobs.client.info("memory")["used_memory"])


@contextmanager
def store() -> Iterator[JobStore]:
    """Runs a new Redis."""
    with TemporaryDirectory() as folder, running_redis(Path(folder)) as url:
        jobs = JobStore.connect(url)
        yield jobs
        jobs.client.close()


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file."""
    count = int(arguments[0]) if arguments else 10_000
    with store() as jobs:
        version = jobs.client.info("server")["redis_version"]
        found = {"machine": machine(), "redis": version, "jobs": count} | measure(jobs, count)
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    (RESULTS / "redis_memory.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
