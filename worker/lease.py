"""Renews the lease on a job while it is painted, and receives its client's requests."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import partial
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

from redis import RedisError
from redis.client import PubSub

from shared import transitions
from shared.job_store import JobStore, wake_up_channel
from shared.jobs import Job
from shared.settings import Settings

log = logging.getLogger(__name__)

_LISTEN_SECONDS = 1.0


class WakeUps(Thread):
    """A thread that wakes a job's lease as soon as the client requests something, before the next
    heartbeat is due.

    It only saves time: the record holds every request, and heartbeats read that.
    """

    def __init__(self, jobs: JobStore) -> None:
        super().__init__(name="wake-ups", daemon=True)
        self._jobs = jobs
        self._events: dict[str, Event] = {}

    @contextmanager
    def waking(self, job_id: str, event: Event) -> Iterator[None]:
        """Sets `event` whenever the client of this job requests something."""
        channel = wake_up_channel(job_id)
        self._events[channel] = event
        try:
            yield
        finally:
            del self._events[channel]

    def run(self) -> None:
        while True:
            try:
                client = self._jobs.client
                with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.psubscribe(wake_up_channel("*"))
                    self._listen(channel)
            except RedisError as error:
                log.warning("No wake-ups, Redis is unreachable: %s", error)
                Event().wait(_LISTEN_SECONDS)

    def _listen(self, channel: PubSub) -> None:
        while True:
            message = channel.get_message(timeout=_LISTEN_SECONDS)
            event = self._events.get(message["channel"]) if message else None
            if event is not None:
                event.set()


class Lease:
    """A thread that renews the lease at every heartbeat; painting never waits for Redis.

    It continues while Redis refuses or does not answer: the next heartbeat that arrives shows
    whether the claim is still held.

    Attributes:
        answer: the answer to the last heartbeat, as in `HeartbeatReply`.
        options: the job's options with the newest weights.
    """

    def __init__(
        self, job: Job, fence: str, jobs: JobStore, settings: Settings, wake_ups: WakeUps
    ) -> None:
        self.answer: str = "ok"
        self.options: dict[str, Any] = job.options
        self._job, self._fence = job, fence
        self._jobs, self._settings, self._wake_ups = jobs, settings, wake_ups
        self._weight_updates = job.weight_updates
        self._fields: dict[str, str] = {}
        self._remaining: int | None = None
        self._iterations = 0
        self._lock = Lock()
        self._ended, self._woken = Event(), Event()
        self._stack = ExitStack()
        run = partial(copy_context().run, self._run)  # its log lines name the same job
        self._thread = Thread(target=run, name=f"lease-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._wake_ups.waking(self._job.id, self._woken))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._woken.set()
        self._thread.join()
        self._stack.close()

    def report(
        self, fields: dict[str, str], remaining: int | None = None, *, iterations: int = 0
    ) -> None:
        """Adds fields that the next heartbeat writes to the record. Newer values replace older.

        Args:
            remaining: how much is left to paint, in pixels times iterations.
            iterations: since the last report.
        """
        with self._lock:
            self._fields |= fields
            self._remaining = self._remaining if remaining is None else remaining
            self._iterations += iterations

    def _run(self) -> None:
        while not self._ended.is_set():
            self._woken.wait(self._settings.heartbeat_seconds)
            self._woken.clear()
            if not self._ended.is_set():
                self._send_heartbeat()

    def _send_heartbeat(self) -> None:
        with self._lock:
            fields, self._fields = self._fields, {}
            iterations, self._iterations = self._iterations, 0
        try:
            reply = self._jobs.run(
                transitions.heartbeat(
                    self._job.id,
                    self._fence,
                    lease_seconds=self._settings.lease_seconds,
                    fields=fields,
                    weight_updates=self._weight_updates,
                    remaining=self._remaining,
                    iterations=iterations,
                )
            )
        except RedisError as error:
            log.warning(
                "Job %s: no heartbeat, Redis refused or did not answer: %s", self._job.id, error
            )
            with self._lock:
                self._fields = fields | self._fields
                self._iterations += iterations
            return
        self.answer = reply.answer
        if reply.weight_updates is not None and reply.options is not None:
            self._weight_updates, self.options = reply.weight_updates, reply.options
