"""What is promised, whatever happens: watched while it happens, and checked when it is over."""

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
from tests.chaos.house import House
from tests.waiting import until

OVER = ("succeeded", "failed", "canceled", "expired")

_PATTERNS = ("job:*", "queue:*", "jobs:*", "sweep*", "picture*")
"""Of the keys in Redis that belong to a job, a sweep or a picture."""


class Broken(AssertionError):
    """A promise was broken."""


@dataclass
class Witness:
    """A client that polls jobs all the time: `version` only grows, and nothing leads out of the
    end.

    Args:
        forgets: Redis may lose what it acknowledged last: each job may go back once.

    Attributes:
        found: when a job was seen to have been taken from a worker that did not finish it.
        taken: when another worker was seen to paint it.
    """

    house: House
    jobs: list[str]
    forgets: bool = False
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    _went_back: set[str] = field(default_factory=set)

    def look(self, http: httpx.Client) -> None:
        for job_id in list(self.jobs):
            try:
                answer = http.get(f"/jobs/{job_id}")
            except httpx.TransportError:
                continue
            if answer.is_success:
                self.compare(job_id, answer.json())

    def compare(self, job_id: str, now: dict[str, Any]) -> None:
        """Compares what a client sees of a job with what it saw before."""
        before = self.seen.get(job_id, now)
        broken = []
        if now["version"] < before["version"]:
            broken.append(f"{job_id}: version {before['version']} → {now['version']}")
        changes = "status" if now["webhook"] else "version"  # a webhook is delivered after the end
        if before["status"] in OVER and now[changes] != before[changes]:
            broken.append(f"{job_id}: {before['status']} → {now['status']}")
        if broken and self.forgets and job_id not in self._went_back:
            self._went_back.add(job_id)
        else:
            self.broken += broken
        is_taken = now["attempt"] > max(1, before["attempt"])
        waits_again = now["status"] == "queued" or is_taken  # or was waiting between two looks
        if before["status"] == "running" and waits_again:
            self.found.append(monotonic())
        if is_taken:
            self.taken.append(monotonic())
        self.seen[job_id] = now

    @contextmanager
    def watching(self) -> Iterator[None]:
        ended = Event()

        def run() -> None:
            url = self.house.http.base_url
            with httpx.Client(base_url=url, timeout=10, trust_env=False) as http:
                while not ended.wait(0.05):
                    self.look(http)

        thread = Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self.broken or not self.seen:
            raise Broken("; ".join(self.broken) or "no job was ever seen")


def all_over(house: House, jobs: list[str], patience_seconds: float) -> None:
    """Every job ends.

    Raises:
        Broken: one does not.
    """

    def look() -> bool:
        try:
            return all(house.look(each)["status"] in OVER for each in jobs)
        except httpx.HTTPError:
            return False

    try:
        until(look, patience_seconds=patience_seconds)
    except AssertionError as error:
        states = {each: house.look(each)["status"] for each in jobs}
        raise Broken(f"lost: {states}") from error


def painted_once(
    house: House,
    jobs: list[str],
    ends: frozenset[str],
    picture: bytes,
    *,
    may_repeat: bool = False,
) -> None:
    """Each job has ended as it may, and has the picture of an undisturbed job, once.

    Args:
        may_repeat: Redis may have forgotten the end of a job, which was then painted again.

    Raises:
        Broken: one has not.
    """
    for job_id in jobs:
        job = house.look(job_id)
        if job["status"] not in {"succeeded", *ends}:
            raise Broken(f"{job_id} is {job['status']}: {job['error']}")
        if job["status"] == "succeeded" and house.picture(job_id) != picture:
            raise Broken(f"{job_id} has another picture than an undisturbed job")
        committed = sum(each.log.count(f"Job {job_id}: committed") for each in house.workers)
        if committed > 1 + may_repeat:
            raise Broken(f"{job_id} was committed {committed} times")


def nothing_left(house: House, jobs: list[str], patience_seconds: float) -> None:
    """Once erased, the jobs leave no key and no blob.

    Raises:
        Broken: something is left.
    """
    for job_id in jobs:
        house.http.delete(f"/jobs/{job_id}").raise_for_status()
    begun = _begun(house)
    if begun:
        house.jobs.client.zadd(JOB_KEYS["cleanup"], {each: 0 for each in begun})
    try:
        until(lambda: not _left(house), patience_seconds=patience_seconds)
    except AssertionError as error:
        raise Broken(f"left behind: {_left(house)}") from error


def _begun(house: House) -> list[str]:
    """What a killed API had begun, brought forward so as not to wait for the minute that it is
    given."""
    grace_ms = 1000 * Retention.from_settings(house.settings).grace_seconds
    seconds, microseconds = house.jobs.client.time()
    latest = 1000 * seconds + microseconds / 1000 + grace_ms
    found = house.jobs.client.zrangebyscore(JOB_KEYS["cleanup"], latest, "+inf")
    return [str(each) for each in found]


def _left(house: House) -> list[str]:
    client = house.jobs.client
    keys = [key for pattern in _PATTERNS for key in client.scan_iter(pattern)]
    # Those of submissions that were cut short are only held for a while.
    hold_ms = 1000 * HOLD_SECONDS
    keys += [key for key in client.scan_iter("idempotency:*") if client.pttl(key) > hold_ms]
    return [*keys, *house.blobs.keys("jobs"), *house.blobs.keys("pictures")]
