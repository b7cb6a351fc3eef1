"""The guarantees of the service: checked while a fault strikes, and after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

import httpx

from api.submissions.idempotency import HOLD_SECONDS
from shared.job_store import JOB_KEYS
from shared.transitions import Retention
from tests.chaos.service import ChaosService
from tests.waiting import until

OVER = ("succeeded", "failed", "canceled", "expired")

_PATTERNS = ("job:*", "queue:*", "jobs:*", "sweep*", "picture*")
"""Of the keys in Redis that belong to a job, a sweep or a picture."""


class GuaranteeViolated(AssertionError):
    """A guarantee does not hold."""


@dataclass
class PollingClient:
    """A client that polls jobs and checks that `version` never decreases and that a job which has
    ended does not change.

    Args:
        may_lose_writes: Redis may lose its last acknowledged writes: each job may go back once.

    Attributes:
        last_seen: the last response for each job.
        requeued: when a job was first seen to be queued again.
        resumed: when a job was first seen to be painted again.
    """

    service: ChaosService
    jobs: list[str]
    may_lose_writes: bool = False
    last_seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    requeued: list[float] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    _went_back: set[str] = field(default_factory=set)

    def poll(self, http: httpx.Client) -> None:
        for job_id in list(self.jobs):
            try:
                answer = http.get(f"/jobs/{job_id}")
            except httpx.TransportError:
                continue
            if answer.is_success:
                self.compare(job_id, answer.json())

    def compare(self, job_id: str, current: dict[str, Any]) -> None:
        """Compares a response with the one before it."""
        before = self.last_seen.get(job_id, current)
        violations = []
        if current["version"] < before["version"]:
            violations.append(f"{job_id}: version {before['version']} → {current['version']}")
        changes = (
            "status" if current["webhook"] else "version"
        )  # a webhook is delivered after the end
        if before["status"] in OVER and current[changes] != before[changes]:
            violations.append(f"{job_id}: {before['status']} → {current['status']}")
        if violations and self.may_lose_writes and job_id not in self._went_back:
            self._went_back.add(job_id)
        else:
            self.violations += violations
        is_resumed = current["attempt"] > max(1, before["attempt"])
        is_requeued = current["status"] == "queued" or is_resumed  # or was queued between two polls
        if before["status"] == "running" and is_requeued:
            self.requeued.append(monotonic())
        if is_resumed:
            self.resumed.append(monotonic())
        self.last_seen[job_id] = current

    @contextmanager
    def polling(self) -> Iterator[None]:
        ended = Event()

        def run() -> None:
            url = self.service.http.base_url
            with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
                while not ended.wait(0.05):
                    self.poll(http)

        thread = Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self.violations or not self.last_seen:
            raise GuaranteeViolated("; ".join(self.violations) or "no job was seen")


def check_all_finished(service: ChaosService, jobs: list[str], timeout_seconds: float) -> None:
    """Waits until every job is over.

    Raises:
        GuaranteeViolated: a job is not over in time.
    """

    def are_over() -> bool:
        try:
            return all(service.get_job(each)["status"] in OVER for each in jobs)
        except httpx.HTTPError:
            return False

    try:
        until(are_over, timeout_seconds=timeout_seconds)
    except AssertionError as error:
        states = {each: service.get_job(each)["status"] for each in jobs}
        raise GuaranteeViolated(f"lost: {states}") from error


def check_painted_once(
    service: ChaosService,
    jobs: list[str],
    ends: frozenset[str],
    picture: bytes,
    *,
    may_be_repeated: bool = False,
) -> None:
    """Checks that each job has ended, and that those that succeeded were committed once, with the
    picture of an undisturbed job.

    Args:
        ends: the statuses that are allowed beside `succeeded`.
        may_be_repeated: Redis may have lost the end of a job, which was then painted again.

    Raises:
        GuaranteeViolated: a job ended otherwise, or was committed twice.
    """
    for job_id in jobs:
        job = service.get_job(job_id)
        if job["status"] not in {"succeeded", *ends}:
            raise GuaranteeViolated(f"{job_id} is {job['status']}: {job['error']}")
        if job["status"] == "succeeded" and service.get_pixels(job_id) != picture:
            raise GuaranteeViolated(f"{job_id} has another picture than an undisturbed job")
        committed = sum(each.log.count(f"Job {job_id}: committed") for each in service.workers)
        if committed > 1 + may_be_repeated:
            raise GuaranteeViolated(f"{job_id} was committed {committed} times")


def check_nothing_left(service: ChaosService, jobs: list[str], timeout_seconds: float) -> None:
    """Deletes the jobs and checks that they leave no key and no blob.

    Raises:
        GuaranteeViolated: something is left.
    """
    for job_id in jobs:
        service.http.delete(f"/jobs/{job_id}").raise_for_status()
    unfinished = _list_unfinished_cleanup(service)
    if unfinished:
        service.jobs.client.zadd(JOB_KEYS["cleanup"], {each: 0 for each in unfinished})
    try:
        until(lambda: not _list_leftovers(service), timeout_seconds=timeout_seconds)
    except AssertionError as error:
        raise GuaranteeViolated(f"left behind: {_list_leftovers(service)}") from error


def _list_unfinished_cleanup(service: ChaosService) -> list[str]:
    """What a killed API had unfinished, brought forward so as not to wait for the minute that it is
    given."""
    grace_ms = 1000 * Retention.from_settings(service.settings).grace_seconds
    seconds, microseconds = service.jobs.client.time()
    latest = 1000 * seconds + microseconds / 1000 + grace_ms
    found = service.jobs.client.zrangebyscore(JOB_KEYS["cleanup"], latest, "+inf")
    return [str(each) for each in found]


def _list_leftovers(service: ChaosService) -> list[str]:
    client = service.jobs.client
    keys = [key for pattern in _PATTERNS for key in client.scan_iter(pattern)]
    # The keys of interrupted submissions expire soon.
    hold_ms = 1000 * HOLD_SECONDS
    keys += [key for key in client.scan_iter("idempotency:*") if client.pttl(key) > hold_ms]
    return [*keys, *service.blobs.keys("jobs"), *service.blobs.keys("pictures")]
