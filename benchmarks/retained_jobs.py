"""Measures whether finished jobs slow the service down: python -m benchmarks.retained_jobs [JOBS]

It runs two services of this code: one with 100 finished jobs of one owner, one with 100,000, of
which one has failed. It lists, polls and submits with both, in short turns, each time beginning
with the other one, and counts the commands that Redis receives for a request. Then the larger
service reaches its limits of retained jobs, and the retention of all its jobs ends. It measures how
long the slowest script takes then, because Redis runs nothing else meanwhile. The results go to
`benchmarks/results/retained_jobs.json`.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from hashlib import sha1
from pathlib import Path
from secrets import token_hex
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import httpx

from benchmarks import load
from benchmarks.machine import machine
from benchmarks.pairs import RESULTS
from benchmarks.redis_memory import ITERATIONS, PIXELS, reported_fields, used_memory
from pastiche import Options
from shared import job_records, transitions, uploaded_pictures
from shared.blob_store import BlobStore, input_key, result_key
from shared.celery_app import create_queue
from shared.inputs import Inputs
from shared.job_store import JOB_KEYS, JobStore, Transition, record_key
from shared.jobs import NOBODY, QueueEntry, new_job_id
from shared.settings import Settings
from shared.transitions import Retention
from shared.workers import list_workers
from tests.redis_commands import record_commands
from worker import cleanup, list_repair, reconciler

Reply = TypeVar("Reply")

FEW, MANY = 100, 100_000
ROUNDS = 16
REQUESTS = {"submit": 8}
"""How many requests of a kind a turn has. The others have 25."""

BATCH = 500
"""How many jobs are written at once."""

RECONCILER_ROUNDS = 10
"""How many rounds of a reconciler are measured."""

SLOW_MICROSECONDS = 100
"""Calls of scripts that take longer than this are reported."""

UNLIMITED = Retention(24.0, 0, jobs_per_owner=10**9, jobs_in_all=10**9)


def run_all(jobs: JobStore, calls: Sequence[Transition[Reply]]) -> list[Reply]:
    """Runs calls of one script, all in one round trip."""
    digest = jobs.client.script_load(calls[0].text)
    pipeline = jobs.client.pipeline(transaction=False)
    for call in calls:
        keys = call.key_values
        pipeline.evalsha(digest, len(keys), *keys, *map(str, call.argument_values))
    return [call.read(reply) for call, reply in zip(calls, pipeline.execute(), strict=True)]


def claim_all(jobs: JobStore, ids: Sequence[str]) -> dict[str, str]:
    """Submits jobs, and claims them for a worker that reports its progress. Returns the fences."""
    latest = run_all(jobs, [transitions.begin_submission(job_id) for job_id in ids])
    run_all(jobs, [_submission(job_id, ms) for job_id, ms in zip(ids, latest, strict=True)])
    claims = run_all(jobs, [transitions.claim(job_id, lease_seconds=3600) for job_id in ids])
    fences = {claim.job_id: claim.fence for claim in claims if claim}
    assert len(fences) == len(ids)
    reports = [
        transitions.heartbeat(
            job_id, fence, lease_seconds=3600, fields=reported_fields(job_id, fence)
        )
        for job_id, fence in fences.items()
    ]
    run_all(jobs, reports)
    return fences


def _submission(job_id: str, latest_ms: int) -> Transition[transitions.Submitted]:
    inputs = Inputs(input_key(job_id, "content-0"), (input_key(job_id, "style-0"),))
    work = PIXELS * ITERATIONS
    entry = QueueEntry(
        "10.0.0.1", work, pixels=PIXELS, image_bytes=10_000_000, request_id=token_hex(16)
    )
    options = asdict(Options())
    return transitions.submit(job_id, latest_ms, options, inputs, entry, queue_limit=sys.maxsize)


def _success(job_id: str, fence: str, retention: Retention) -> Transition[transitions.Committed]:
    key = result_key(job_id, fence)
    return transitions.succeed(job_id, fence, result_key=key, fields={}, retention=retention)


def retain(jobs: JobStore, count: int) -> None:
    """Writes finished jobs of one owner. The first has failed, the others have succeeded."""
    (failed,) = ids = [new_job_id()]
    fence = claim_all(jobs, ids)[failed]
    run_all(
        jobs,
        [transitions.fail(failed, fence, code="out_of_memory", fields={}, retention=UNLIMITED)],
    )
    for first in range(1, count, BATCH):
        fences = claim_all(jobs, [new_job_id() for _ in range(min(BATCH, count - first))])
        run_all(jobs, [_success(job_id, fence, UNLIMITED) for job_id, fence in fences.items()])
    jobs.client.delete(JOB_KEYS["cleanup"])  # as if the reconciler had cleaned up


class Api:
    """A running service with finished jobs."""

    def __init__(self, service: tuple[str, str, int, JobStore], count: int) -> None:
        url, _, _, self.jobs = service
        before = used_memory(self.jobs)
        began = perf_counter()
        retain(self.jobs, count)
        sys.stderr.write(f"{count} jobs written in {perf_counter() - began:.0f} s\n")
        self.bytes_each = (used_memory(self.jobs) - before) / count
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        (middle,) = self.jobs.client.zrange(JOB_KEYS["index"], count // 2, count // 2)
        cursor = str(middle).removeprefix(f"{NOBODY}:")
        picture = load.jpeg(20, 0)
        files = {"content": picture, "style": picture}
        self.requests: dict[str, Callable[[], httpx.Response]] = {
            "list": lambda: self.http.get("/jobs"),
            "list_from_the_middle": lambda: self.http.get("/jobs", params={"cursor": cursor}),
            "list_the_failed_one": lambda: self.http.get("/jobs", params={"status": "failed"}),
            "poll": lambda: self.http.get(f"/jobs/{cursor[-32:]}"),
            "submit": lambda: load.submit(self.http, files),
        }
        (failed,) = self.requests["list_the_failed_one"]().json()["jobs"]
        assert failed["status"] == "failed"

    def measure(self) -> dict[str, float]:
        """Milliseconds of each kind of request, the median of a turn."""
        return {kind: median(self._milliseconds(kind)) for kind in self.requests}

    def _milliseconds(self, kind: str) -> Iterator[float]:
        for _ in range(REQUESTS.get(kind, 25)):
            began = perf_counter()
            response = self.requests[kind]().raise_for_status()
            yield 1000 * (perf_counter() - began)
            if kind == "submit":  # the queue stays empty
                self.http.delete(response.headers["location"]).raise_for_status()

    def count_commands(self) -> dict[str, int]:
        """How many commands Redis receives for each kind of request."""
        counts = {}
        for kind, send in self.requests.items():
            send()  # the scripts are loaded, and the job is in the cache
            counts[kind] = len(record_commands(self.jobs.client, send))
        return counts


def compare(few: Api, many: Api) -> dict[str, dict[str, float]]:
    """Measures both by turns. Returns their medians, and the median ratio."""
    apis = {"few": few, "many": many}
    names = list(apis)
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(ROUNDS):
        rounds.append({name: apis[name].measure() for name in names})
        names.reverse()
    return {
        kind: {
            "few_ms": round(median(each["few"][kind] for each in rounds), 3),
            "many_ms": round(median(each["many"][kind] for each in rounds), 3),
            "ratio": round(median(each["many"][kind] / each["few"][kind] for each in rounds), 3),
        }
        for kind in few.requests
    }


def slow_calls(jobs: JobStore, action: Callable[[], object]) -> dict[str, dict[str, float]]:
    """For each script, how many calls took longer than SLOW_MICROSECONDS during an action, and how
    long they took. The longest also depends on the other load of the machine."""
    jobs.client.config_set("slowlog-log-slower-than", SLOW_MICROSECONDS)
    jobs.client.config_set("slowlog-max-len", 100_000)
    jobs.client.slowlog_reset()
    action()
    found: dict[str, list[float]] = {}
    for entry in jobs.client.slowlog_get(100_000):
        words = entry["command"].decode().split()
        if words[0].upper() == "EVALSHA":
            name = _scripts().get(words[1], words[1])
            found.setdefault(name, []).append(entry["duration"] / 1000)
    return {
        name: {
            "calls": len(times),
            "median_ms": round(median(times), 3),
            "longest_ms": max(times),
        }
        for name, times in found.items()
    }


@cache
def _scripts() -> dict[str, str]:
    """The scripts that run here, by their digests."""
    calls: list[Transition[Any]] = [
        job_records.list_jobs("", before="", limit=1, status=None, most=1),
        transitions.read(""),
        transitions.begin_submission(""),
        _submission("", 0),
        transitions.claim("", lease_seconds=1),
        transitions.heartbeat("", "", lease_seconds=1, fields={}),
        _success("", "", UNLIMITED),
        transitions.delete("", retention=UNLIMITED),
        transitions.delete_past_retention(""),
        transitions.mark_cleaned("", 0),
        reconciler.find_due(limit=1),
        cleanup.list_due(limit=1),
        list_repair.repair("", "", limit=1),
        list_workers(),
        uploaded_pictures.expire(limit=1),
    ]
    digests = [sha1(call.text.encode(), usedforsecurity=False).hexdigest() for call in calls]
    return {digest: call.script for digest, call in zip(digests, calls, strict=True)}


def finish(jobs: JobStore, retention: Retention, count: int = 100) -> None:
    """Lets some more jobs succeed, with limits of retained jobs."""
    fences = claim_all(jobs, [new_job_id() for _ in range(count)])
    run_all(jobs, [_success(job_id, fence, retention) for job_id, fence in fences.items()])


def end_retentions(jobs: JobStore) -> None:
    """Ends the retention of all finished jobs."""
    ids = [str(job_id) for job_id in jobs.client.zrange(JOB_KEYS["finished"], 0, -1)]
    jobs.client.zadd(JOB_KEYS["finished"], dict.fromkeys(ids, 1))
    pipeline = jobs.client.pipeline(transaction=False)
    for job_id in ids:
        pipeline.hset(record_key(job_id), "expires_ms", 1)
    pipeline.execute()


def reconcile(jobs: JobStore, folder: Path) -> None:
    """Runs some rounds of a reconciler."""
    url = f"unix://{jobs.client.connection_pool.connection_kwargs['path']}"
    settings = Settings(redis_url=url, data_folder=folder)
    blobs, queue = BlobStore.open(settings.blob_store_location), create_queue(settings)
    leader = reconciler.Reconciler(settings, jobs, queue, "benchmark")
    picture_cleanup = cleanup.Cleanup(settings, jobs, blobs, "benchmark")
    for _ in range(RECONCILER_ROUNDS):
        assert leader.round()
        assert picture_cleanup.round()
    queue.close()


def measure_scripts(many: Api, count: int, folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Measures the slow calls of scripts with many retained jobs, in several situations."""
    jobs = many.jobs
    full = Retention(24.0, 0, jobs_per_owner=count, jobs_in_all=count)
    lowered = Retention(24.0, 0, jobs_per_owner=count // 2, jobs_in_all=count // 2)
    found = {
        "requests": slow_calls(jobs, many.measure),
        "finish_at_the_limit": slow_calls(jobs, lambda: finish(jobs, full)),
        "finish_after_the_limit_was_lowered": slow_calls(jobs, lambda: finish(jobs, lowered)),
        "reconcile": slow_calls(jobs, lambda: reconcile(jobs, folder)),
    }
    end_retentions(jobs)
    found["reconcile_after_all_retentions"] = slow_calls(jobs, lambda: reconcile(jobs, folder))
    return found


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file."""
    count = int(arguments[0]) if arguments else MANY
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(3)]
        few, many = (
            Api(stack.enter_context(load.service(folder, queue_limit=10_000)), jobs)
            for folder, jobs in zip(folders, (FEW, count), strict=False)
        )
        found = {
            "machine": machine(),
            "redis": many.jobs.client.info("server")["redis_version"],
            "jobs": {"few": FEW, "many": count},
            "redis_bytes_each": round(many.bytes_each),
            "requests": compare(few, many),
            "commands": {"few": few.count_commands(), "many": many.count_commands()},
            "slow_calls": measure_scripts(many, count, folders[2]),
        }
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    (RESULTS / "retained_jobs.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
