"""What a worker can paint now, and which jobs it claims for that."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from time import time
from typing import Any

import pytest
from redis.exceptions import TimeoutError

from pastiche.job_settings import Priority
from pastiche.memory_budget import Memory
from pastiche.options import Options
from pastiche.painting_speed import IterationTimes
from shared import transitions
from shared.blob_store import BlobStore
from shared.celery_app import MESSAGES_KEY, create_queue
from shared.inputs import Inputs
from shared.job_records import list_waiting
from shared.job_store import JobStore, Reply, Transition, record_key
from shared.jobs import QueueEntry, new_job_id, read_options
from shared.settings import Settings
from shared.workers import list_workers, register_worker
from tests.waiting import until
from worker.claims import PAUSE_SECONDS, claim_next
from worker.context import Capability, FreeMemory, Shutdown, WorkerContext
from worker.lease import WakeUps
from worker.painting_process import Registration, paint_or_exit
from worker.tasks import next_attempt

GIB = 2**30

OpenContext = Callable[[Callable[[], int]], WorkerContext]
Register = Callable[[WorkerContext], None]


@pytest.fixture
def open_context(redis_url: str, jobs: JobStore, tmp_path: Path) -> Iterator[OpenContext]:
    """Opens workers without weights, each with the free memory that it is given. None paints."""
    settings = Settings(
        redis_url=redis_url, data_folder=tmp_path, weights_folder=tmp_path / "weights"
    )
    blobs = BlobStore.open(settings.blob_store_location)
    with ExitStack() as stack:

        def open_one(measure: Callable[[], int]) -> WorkerContext:
            capability = Capability("one", "CPU", "float32", settings, FreeMemory(measure))
            queue = create_queue(settings)
            context = WorkerContext(
                settings, jobs, blobs, queue, Shutdown(), WakeUps(jobs), capability
            )
            stack.callback(queue.close)
            stack.callback(context.shutdown.set)
            return context

        yield open_one


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """Starts a thread that registers the worker of a context again and again, and ends with the
    test: at its end it deletes the registration, which must not be that of the next test."""
    monkeypatch.setattr("worker.painting_process.REGISTER_SECONDS", 0.01)
    with ExitStack() as stack:

        def start(context: WorkerContext) -> None:
            registration = Registration(context, lambda: 7)
            registration.start()
            stack.callback(registration.join)
            stack.callback(context.shutdown.set)

        yield start


@pytest.fixture(autouse=True)
def _measured_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.context.FRESH_SECONDS", 0.0)


def submitted(
    jobs: JobStore,
    side: int,
    image_bytes: int = 0,
    priority: Priority = "normal",
    **options: Any,
) -> str:
    job_id = new_job_id()
    latest_ms = jobs.run(transitions.begin_submission(job_id))
    entry = QueueEntry(
        "somebody", 100, pixels=side * side, image_bytes=image_bytes, priority=priority
    )
    submission = transitions.submit(
        job_id, latest_ms, options, Inputs("content", ("style",)), entry, queue_limit=10_000
    )
    assert jobs.run(submission) == "queued"
    return job_id


def claimed(context: WorkerContext) -> str | None:
    """The job that it claims."""
    with next_attempt(context) as attempt:
        return None if attempt is None else attempt.job.id


def status(jobs: JobStore, job_id: str) -> str:
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    return job.status


def test_an_attempt_ends_when_its_job_times_out(open_context: OpenContext, jobs: JobStore) -> None:
    context = open_context(lambda: 8 * GIB)
    job_id = submitted(jobs, 256)
    with next_attempt(context) as attempt:
        assert attempt is not None
        attempt.check()
        jobs.client.hset(record_key(job_id), "timeout_ms", 1)
        until(lambda: attempt.lease.answer == "timed_out")
        attempt.check()
    job = jobs.run(transitions.read(job_id))
    assert job is not None
    assert (job.status, job.error_code) == ("failed", "timed_out")


def test_each_of_two_workers_claims_the_jobs_that_fit_its_memory(
    open_context: OpenContext, jobs: JobStore
) -> None:
    small, large = open_context(lambda: GIB), open_context(lambda: 8 * GIB)
    wide = submitted(jobs, 1400, precision="float32")
    narrow = submitted(jobs, 1400, precision="bfloat16")
    heavy = submitted(jobs, 256, image_bytes=GIB)
    assert [claimed(small), claimed(small)] == [narrow, None]
    assert [claimed(large), claimed(large), claimed(large)] == [wide, heavy, None]


def test_a_job_with_a_value_that_only_a_newer_version_knows_waits_for_its_worker(
    open_context: OpenContext, jobs: JobStore
) -> None:
    newer = submitted(jobs, 256, colour="tomorrow's")
    jobs.client.hset(record_key(newer), "written_by", "99.0.0")
    known = submitted(jobs, 256)
    context = open_context(lambda: 8 * GIB)
    assert [claimed(context), claimed(context)] == [known, None]
    assert status(jobs, newer) == "queued"


class ObservedStore(JobStore):
    """A job store that lists the scripts it runs."""

    def __init__(self, jobs: JobStore) -> None:
        super().__init__(jobs.client)
        self.scripts: list[str] = []

    def run(self, transition: Transition[Reply]) -> Reply:
        self.scripts.append(transition.script)
        return super().run(transition)


def test_a_claim_takes_two_requests(open_context: OpenContext, jobs: JobStore) -> None:
    for _ in range(20):
        submitted(jobs, 256)
    observed = ObservedStore(jobs)
    assert claim_next(replace(open_context(lambda: 8 * GIB), jobs=observed))
    assert observed.scripts == ["read_queue", "job/claim"]


def test_a_job_behind_a_thousand_that_a_worker_cannot_paint_is_claimed(
    open_context: OpenContext, jobs: JobStore
) -> None:
    for _ in range(1100):
        submitted(jobs, 2000, priority="high")
    job_id = submitted(jobs, 256)
    observed = ObservedStore(jobs)
    found = claim_next(replace(open_context(lambda: GIB), jobs=observed))
    assert found is not None
    assert found[0].id == job_id
    assert len(observed.scripts) < 10


def test_jobs_behind_those_that_a_worker_cannot_paint_are_claimed_by_priority(
    open_context: OpenContext, jobs: JobStore
) -> None:
    for _ in range(20):
        submitted(jobs, 2000, priority="high")
    priorities: list[Priority] = ["low", "normal", "high", "normal"]
    low, one, high, other = (submitted(jobs, 256, priority=each) for each in priorities)
    context = open_context(lambda: GIB)
    assert [claimed(context) for _ in range(5)] == [high, one, other, low, None]


class OvertakenStore(JobStore):
    """A job store in which other workers claim this many jobs right before this one does."""

    def __init__(self, jobs: JobStore, others: int) -> None:
        super().__init__(jobs.client)
        self._others = others

    def run(self, transition: Transition[Reply]) -> Reply:
        if transition.script == "job/claim":
            for job_id in str(transition.arguments["candidates"]).split(",")[: self._others]:
                self._others -= 1
                super().run(transitions.claim(job_id, lease_seconds=60))
        return super().run(transition)


def test_a_worker_whose_first_candidates_were_all_claimed_by_others_claims_the_next_job(
    open_context: OpenContext, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.claims.FIRST_PAGE", 2)
    monkeypatch.setattr("worker.claims.PAGE", 2)
    for _ in range(5):
        submitted(jobs, 256)
    *_, last = list_waiting(jobs, 5)
    context = open_context(lambda: 8 * GIB)
    overtaken = replace(context, jobs=OvertakenStore(jobs, 4))
    assert [claimed(overtaken), claimed(overtaken)] == [last, None]


class UnansweringStore(JobStore):
    """A job store whose Redis runs every script, but does not answer the first claim in time."""

    _has_failed = False

    def run(self, transition: Transition[Reply]) -> Reply:
        reply = super().run(transition)
        if transition.script == "job/claim" and not self._has_failed:
            self._has_failed = True
            raise TimeoutError("Timeout reading from socket")
        return reply


def test_a_claim_that_redis_does_not_answer_in_time_is_repeated(
    open_context: OpenContext, jobs: JobStore
) -> None:
    job_id = submitted(jobs, 256)
    context = replace(open_context(lambda: 8 * GIB), jobs=UnansweringStore(jobs.client))
    with next_attempt(context) as attempt:
        assert attempt is not None
        assert (attempt.job.id, attempt.job.attempt) == (job_id, 1)
        attempt.check()


def test_an_invalid_value_counts_as_damage(open_context: OpenContext, jobs: JobStore) -> None:
    damaged = submitted(jobs, 256, colour="none's")
    context = open_context(lambda: 8 * GIB)
    with next_attempt(context) as attempt:
        assert attempt is not None
        read_options(attempt.job.id, attempt.options)
    job = jobs.run(transitions.read(damaged))
    assert job is not None
    assert (job.status, job.error_code) == ("failed", "record_damaged")


def test_a_key_that_holds_no_record_is_deleted_and_the_next_job_claimed(
    open_context: OpenContext, jobs: JobStore
) -> None:
    damaged, whole = submitted(jobs, 256), submitted(jobs, 256)
    jobs.client.delete(record_key(damaged))
    jobs.client.set(record_key(damaged), "something else")
    assert claimed(open_context(lambda: 8 * GIB)) == whole
    assert jobs.client.exists(record_key(damaged)) == 0


@pytest.mark.parametrize("field", ["pixels", "created_ms", "version"])
def test_a_job_with_a_damaged_record_fails_and_the_next_job_is_claimed(
    field: str, open_context: OpenContext, jobs: JobStore
) -> None:
    damaged, whole = submitted(jobs, 256), submitted(jobs, 256)
    jobs.client.hset(record_key(damaged), field, "many")
    assert claimed(open_context(lambda: 8 * GIB)) == whole
    assert jobs.client.hget(record_key(damaged), "error_code") == "record_damaged"


def test_a_job_without_the_moment_of_its_submission_fails(
    open_context: OpenContext, jobs: JobStore
) -> None:
    damaged = submitted(jobs, 256)
    jobs.client.hdel(record_key(damaged), "created_ms")
    assert claimed(open_context(lambda: 8 * GIB)) is None
    assert jobs.client.hget(record_key(damaged), "error_code") == "record_damaged"


@pytest.mark.parametrize("field", ["turn", "attempt"])
def test_a_job_whose_turn_or_attempts_are_damaged_is_painted(
    field: str, open_context: OpenContext, jobs: JobStore
) -> None:
    damaged = submitted(jobs, 256)
    jobs.client.hset(record_key(damaged), field, "many")
    with next_attempt(open_context(lambda: 8 * GIB)) as attempt:
        assert attempt is not None
        assert (attempt.job.id, attempt.job.attempt) == (damaged, 1)


def test_a_message_for_a_job_that_only_another_worker_can_paint_is_published_again(
    open_context: OpenContext, jobs: JobStore
) -> None:
    small, large = open_context(lambda: GIB), open_context(lambda: 8 * GIB)
    jobs.run(register_worker(replace(large.capability.worker(), name="large"), ttl_seconds=60))
    submitted(jobs, 1400, precision="float32")
    assert claimed(small) is None
    assert jobs.client.llen(MESSAGES_KEY) == 1


def test_a_message_for_a_job_that_no_living_worker_can_paint_is_not_published_again(
    open_context: OpenContext, jobs: JobStore
) -> None:
    small = open_context(lambda: GIB)
    jobs.run(register_worker(small.capability.worker(), ttl_seconds=60))
    jobs.run(register_worker(replace(small.capability.worker(), name="other"), ttl_seconds=60))
    submitted(jobs, 1400, precision="float32")
    assert claimed(small) is None
    assert jobs.client.llen(MESSAGES_KEY) == 0


def test_an_unusable_report_of_another_worker_stops_nobody(
    open_context: OpenContext, jobs: JobStore
) -> None:
    small, large = open_context(lambda: GIB), open_context(lambda: 8 * GIB)
    jobs.run(register_worker(replace(large.capability.worker(), name="large"), ttl_seconds=60))
    report = json.loads(jobs.client.hget("{workers}:about", "large") or "")
    jobs.client.hset("{workers}:about", "large", json.dumps(report | {"free_bytes": "many"}))
    submitted(jobs, 1400, precision="float32")
    possible = submitted(jobs, 256)
    assert [claimed(small), claimed(small)] == [possible, None]


class WaitObserved(Shutdown):
    """A shutdown flag that records how long a worker would have waited for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False


def test_a_worker_pauses_after_it_has_read_a_queue_that_no_living_worker_can_paint(
    open_context: OpenContext, jobs: JobStore
) -> None:
    small, shutdown = open_context(lambda: GIB), WaitObserved()
    submitted(jobs, 1400, precision="float32")
    assert claim_next(replace(small, shutdown=shutdown)) is None
    assert len(shutdown.waited) == 1
    assert shutdown.waited[0] >= PAUSE_SECONDS


def test_a_worker_does_not_pause_when_no_job_waits(
    open_context: OpenContext, jobs: JobStore
) -> None:
    idle, shutdown = open_context(lambda: GIB), WaitObserved()
    assert claim_next(replace(idle, shutdown=shutdown)) is None
    assert shutdown.waited == []


def test_a_worker_claims_by_the_memory_that_it_has_now(
    open_context: OpenContext, jobs: JobStore
) -> None:
    free = GIB
    context = open_context(lambda: free)
    job_id = submitted(jobs, 2000)
    assert claimed(context) is None
    free = 8 * GIB
    assert claimed(context) == job_id
    free = GIB
    submitted(jobs, 2000)
    assert claimed(context) is None


def test_a_worker_registers_the_memory_that_it_claims_jobs_by(
    open_context: OpenContext, register: Register, jobs: JobStore
) -> None:
    free = GIB
    context = open_context(lambda: free)
    register(context)
    until(lambda: [each.free_bytes for each in jobs.run(list_workers())] == [GIB])
    free = 2 * GIB
    until(lambda: [each.free_bytes for each in jobs.run(list_workers())] == [2 * GIB])
    (worker,) = jobs.run(list_workers())
    most = Memory(2 * GIB, None, "float32").most_pixels(Options(), "whitened")
    assert worker.most_pixels == most
    assert (worker.memory_bytes, worker.computed_in) == (7, "float32")


def test_a_worker_registers_whether_it_paints_and_since_when_it_is_ready(
    open_context: OpenContext, register: Register, jobs: JobStore
) -> None:
    before, context = time(), open_context(lambda: GIB)
    register(context)
    until(lambda: [each.is_painting for each in jobs.run(list_workers())] == [False])
    submitted(jobs, 256)
    with next_attempt(context):
        until(lambda: [each.is_painting for each in jobs.run(list_workers())] == [True])
    until(lambda: [each.is_painting for each in jobs.run(list_workers())] == [False])
    (worker,) = jobs.run(list_workers())
    assert worker.started_at is not None
    assert before <= worker.started_at <= time()


def test_a_worker_registers_its_speed_as_soon_as_a_job_is_done(
    open_context: OpenContext,
    register: Register,
    jobs: JobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.painting_process.REGISTER_SECONDS", 1e6)
    context = open_context(lambda: GIB)
    register(context)
    until(lambda: [each.rate for each in jobs.run(list_workers())] == [None])
    context.speed_record.add(1000, 10.0, IterationTimes({100: 0.02}, 1e-6, 8.0))
    until(lambda: [each.rate for each in jobs.run(list_workers())] == [100.0])
    (worker,) = jobs.run(list_workers())
    assert worker.speed == context.speed_record.speed


def test_a_worker_whose_memory_cannot_be_read_for_a_moment_is_registered_after_it(
    open_context: OpenContext, register: Register, jobs: JobStore
) -> None:
    failures = [OSError("Stale file handle")]

    def measure() -> int:
        if failures:
            raise failures.pop()
        return GIB

    register(open_context(measure))
    until(lambda: [each.free_bytes for each in jobs.run(list_workers())] == [GIB])


def test_a_process_that_cannot_claim_jobs_ends(
    open_context: OpenContext, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.painting_process.RESTART_SECONDS", 0.0)

    def measure() -> int:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    context = open_context(measure)
    job_id = submitted(jobs, 256)

    def paint_as_celery() -> None:
        with suppress(Exception):  # Celery logs this, and gives the process the next message.
            paint_or_exit(context)

    child = get_context("fork").Process(target=paint_as_celery)
    child.start()
    child.join()
    assert child.exitcode == 1
    assert status(jobs, job_id) == "queued"
