"""Subscriptions to jobs: every change of a job reaches its subscribers in this process, through one
subscription to Redis for all of them."""

import logging
from asyncio import Event, Task, create_task, get_running_loop, sleep, timeout, wait
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, Self

from redis import RedisError
from redis.asyncio.client import PubSub

from api.events.inline_previews import InlinePreview
from shared import job_store, transitions
from shared.errors import RecordDamaged
from shared.job_store import AsyncJobStore
from shared.jobs import Job

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
PING_SECONDS = 5.0
SILENCE_SECONDS = 15.0
"""After how long without an answer the subscription to Redis counts as lost: a connection that a
network has dropped without a sign would never report another change."""

CANCEL_AGAIN_SECONDS = 0.5
QUEUE_SECONDS = 2.0
"""How often waiting jobs are read, because their records do not change when they move up."""


class JobDeleted(Exception):
    """The job was deleted while somebody was subscribed to it."""


class ServiceStopping(Exception):
    """The API stops."""


class WatchedJob:
    """The newest state of a job with subscribers. Earlier states are not held, even if subscribers
    read slowly.

    Attributes:
        events: the events of this state that one subscriber has encoded, for all to send.
        preview: the newest preview, once a subscriber has read it.
    """

    def __init__(self, job: Job) -> None:
        self.job: Job | None = job
        self.subscriptions: set[Subscription] = set()
        self.events: dict[str, bytes] = {}
        self.preview = InlinePreview()

    def update(self, job: Job | None) -> None:
        """Sets a new state, and wakes the subscribers if it differs."""
        if job is not None and self.job is not None and _version(job) == _version(self.job):
            return
        self.job, self.events = job, {}
        for subscription in self.subscriptions:
            subscription.updated.set()


class Subscription:
    """One subscriber of a job."""

    def __init__(self, watched: WatchedJob, subscriptions: "Subscriptions") -> None:
        self.updated = Event()
        self._watched, self._subscriptions = watched, subscriptions

    @property
    def events(self) -> dict[str, bytes]:
        """The events of the job's current state, shared by all its subscribers."""
        return self._watched.events

    @property
    def preview(self) -> InlinePreview:
        """The job's newest preview, shared by all its subscribers."""
        return self._watched.preview

    async def wait(self, wait_seconds: float | None = None) -> Job:
        """The job as soon as it changes, or unchanged when the time is up.

        Raises:
            JobDeleted: it was deleted.
            ServiceStopping: the API stops.
        """
        with suppress(TimeoutError):
            async with timeout(wait_seconds):
                await self.updated.wait()
        self.updated.clear()
        if self._subscriptions.is_closing:
            raise ServiceStopping
        if self._watched.job is None:
            raise JobDeleted
        return self._watched.job


class Subscriptions:
    """All subscriptions of this process."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._watched: dict[str, WatchedJob] = {}
        self._changed: set[str] = set()
        self._has_changes = Event()
        self.is_closing = False

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Self]:
        """Listens for changes until the end of the context."""
        loops = (self._listen, self._read_changed_jobs, self._mark_waiting_jobs)
        tasks = [create_task(self._run_forever(loop)) for loop in loops]
        try:
            yield self
        finally:
            self.close()
            await _cancel_all(tasks)

    @property
    def count(self) -> int:
        """How many subscriptions there are."""
        return sum(len(watched.subscriptions) for watched in self._watched.values())

    def close(self) -> None:
        """Ends every subscription: the API stops."""
        self.is_closing = True
        for watched in self._watched.values():
            for subscription in watched.subscriptions:
                subscription.updated.set()

    @asynccontextmanager
    async def subscribe(self, job: Job) -> AsyncIterator[Subscription]:
        """Subscribes to a job; its current state is delivered at once."""
        watched = self._watched.setdefault(job.id, WatchedJob(job))
        subscription = Subscription(watched, self)
        watched.subscriptions.add(subscription)
        self._mark_changed(job.id)  # it may have changed since it was read
        subscription.updated.set()
        try:
            yield subscription
        finally:
            watched.subscriptions.discard(subscription)
            if not watched.subscriptions:
                self._watched.pop(job.id, None)

    async def _run_forever(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Runs a loop, and again if an error ends it: without the loop, every stream would stop."""
        while True:
            try:
                await loop()
            except Exception:
                log.exception("Changes of jobs may arrive late")
                await sleep(RETRY_SECONDS)
                self._mark_all_changed()

    def _mark_changed(self, job_id: str) -> None:
        self._changed.add(job_id)
        self._has_changes.set()

    def _mark_all_changed(self) -> None:
        for job_id in self._watched:
            self._mark_changed(job_id)

    async def _listen(self) -> None:
        """Marks the jobs that change; after a gap, all of them may have changed.

        redis-py reconnects without an error, so a confirmed subscription is the only sign of a gap.
        """
        while True:
            try:
                async with self._jobs.client.pubsub() as channel:
                    await channel.subscribe(job_store.CHANGED)
                    async for message in _receive(channel):
                        if message["type"] == "subscribe":
                            self._mark_all_changed()
                        elif message["data"] in self._watched:
                            self._mark_changed(message["data"])
            except RedisError as error:
                log.warning("No changes of jobs arrive, Redis is unreachable: %s", error)
                await sleep(RETRY_SECONDS)

    async def _read_changed_jobs(self) -> None:
        """Reads each job that has changed, once for all its subscribers."""
        while True:
            await self._has_changes.wait()
            self._has_changes.clear()
            changed, self._changed = self._changed, set()
            for job_id in changed:
                await self._read(job_id)

    async def _read(self, job_id: str) -> None:
        watched = self._watched.get(job_id)
        if watched is None:
            return
        try:
            watched.update(await self._jobs.run(transitions.read(job_id)))
        except RedisError:  # `_listen` logs it
            get_running_loop().call_later(RETRY_SECONDS, self._mark_changed, job_id)
        except RecordDamaged as error:
            log.error("%s", error)

    async def _mark_waiting_jobs(self) -> None:
        while True:
            await sleep(QUEUE_SECONDS)
            for job_id, watched in self._watched.items():
                if watched.job is not None and watched.job.status == "queued":
                    self._mark_changed(job_id)


async def _receive(channel: PubSub) -> AsyncIterator[dict[str, Any]]:
    """The messages of a subscription, among them the answers to pings.

    Raises:
        RedisError: the connection is lost, or Redis does not answer on it.
    """
    heard_at = pinged_at = monotonic()
    while monotonic() < heard_at + SILENCE_SECONDS:
        message = await channel.get_message(timeout=RETRY_SECONDS)
        if message is not None:
            heard_at = monotonic()
            yield message
        if monotonic() > pinged_at + PING_SECONDS:
            pinged_at = monotonic()
            await channel.ping()
    raise RedisError(f"no answer for {SILENCE_SECONDS:.0f} s")


async def _cancel_all(tasks: Collection[Task[None]]) -> None:
    """Cancels tasks until they end: redis-py may swallow a cancellation while it connects."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await wait(tasks, timeout=CANCEL_AGAIN_SECONDS)


def _version(job: Job) -> tuple[int, int | None]:
    """A value that differs whenever clients would receive another state of the job."""
    return job.version, job.queue_position
