"""Who watches a job learns of every change of it, by one subscription to Redis for all of them."""

import logging
from asyncio import Event, Task, create_task, get_running_loop, sleep, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from redis import RedisError
from redis.asyncio.client import PubSub

from shared import redis_keys, transitions
from shared.errors import DamagedRecord
from shared.job_store import AsyncJobStore
from shared.jobs import Job

log = logging.getLogger(__name__)

LISTEN_SECONDS = 1.0
QUEUE_SECONDS = 2.0
"""How often jobs that wait are looked at: that they move up is no change of their records."""


class Gone(Exception):
    """The job was erased while it was watched."""


class ServiceCloses(Exception):
    """The API is asked to go."""


class Watched:
    """A job that somebody watches, as it was last seen: never more than that is kept, however slow
    its readers are."""

    def __init__(self, job: Job) -> None:
        self.job: Job | None = job
        self.readers: set[Watch] = set()
        self.told: dict[str, bytes] = {}

    def see(self, job: Job | None) -> None:
        """Keeps what is newer, and wakes the readers."""
        if job is not None and self.job is not None and _mark(job) == _mark(self.job):
            return
        self.job, self.told = job, {}
        for reader in self.readers:
            reader.news.set()


class Watch:
    """One reader of a watched job."""

    def __init__(self, watched: Watched, watching: "Watching") -> None:
        self.news = Event()
        self._watched, self._watching = watched, watching

    @property
    def told(self) -> dict[str, bytes]:
        """What one reader has found words for, and the others can say too: of the job as it is."""
        return self._watched.told

    async def next(self, wait_seconds: float | None = None) -> Job:
        """The job as soon as it is another, or as it is after so many seconds.

        Raises:
            Gone: it was erased.
            ServiceCloses: the API is asked to go.
        """
        with suppress(TimeoutError):
            async with timeout(wait_seconds):
                await self.news.wait()
        self.news.clear()
        if self._watching.closes:
            raise ServiceCloses
        if self._watched.job is None:
            raise Gone
        return self._watched.job


class Watching:
    """Everything that is watched in this process."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._watched: dict[str, Watched] = {}
        self._changed: set[str] = set()
        self._some_changed = Event()
        self.closes = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listens for as long as the context lives."""
        tasks = [
            create_task(each) for each in (self._listen(), self._look(), self._look_at_queue())
        ]
        try:
            yield self
        finally:
            self.close()
            await _ended(tasks)

    @property
    def watchers(self) -> int:
        """How many watches there are."""
        return sum(len(watched.readers) for watched in self._watched.values())

    def close(self) -> None:
        """Ends every watch: the API is asked to go."""
        self.closes = True
        for watched in self._watched.values():
            for reader in watched.readers:
                reader.news.set()

    @asynccontextmanager
    async def watch(self, job: Job) -> AsyncIterator[Watch]:
        """Watches a job from now on; its first news come at once."""
        watched = self._watched.setdefault(job.id, Watched(job))
        watch = Watch(watched, self)
        watched.readers.add(watch)
        self._note(job.id)  # it may have changed since it was looked at
        watch.news.set()
        try:
            yield watch
        finally:
            watched.readers.discard(watch)
            if not watched.readers:
                self._watched.pop(job.id, None)

    def _note(self, job_id: str) -> None:
        self._changed.add(job_id)
        self._some_changed.set()

    def _note_all(self) -> None:
        for job_id in self._watched:
            self._note(job_id)

    async def _listen(self) -> None:
        """Notes what has changed; after a gap, everything may have."""
        while True:
            try:
                async with self._jobs.client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(redis_keys.CHANGED)
                    self._note_all()
                    await self._hear(channel)
            except RedisError as error:
                log.warning("No change can be heard, Redis is away: %s", error)
                await sleep(LISTEN_SECONDS)

    async def _hear(self, channel: PubSub) -> None:
        while True:
            message = await channel.get_message(timeout=LISTEN_SECONDS)
            if message and message["data"] in self._watched:
                self._note(message["data"])

    async def _look(self) -> None:
        """Looks at each job that has changed, once for all its readers."""
        while True:
            await self._some_changed.wait()
            self._some_changed.clear()
            changed, self._changed = self._changed, set()
            for job_id in changed:
                await self._look_at(job_id)

    async def _look_at(self, job_id: str) -> None:
        watched = self._watched.get(job_id)
        if watched is None:
            return
        try:
            watched.see(await self._jobs.run(transitions.read(job_id)))
        except RedisError:  # `_listen` says so
            get_running_loop().call_later(LISTEN_SECONDS, self._note, job_id)
        except DamagedRecord as error:
            log.error("%s", error)

    async def _look_at_queue(self) -> None:
        while True:
            await sleep(QUEUE_SECONDS)
            for job_id, watched in self._watched.items():
                if watched.job is not None and watched.job.status == "queued":
                    self._note(job_id)


def _mark(job: Job) -> tuple[int, int | None]:
    """What is another whenever a client would see another job."""
    return job.version, job.queue_position


async def _ended(tasks: list[Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(BaseException):
            await task
