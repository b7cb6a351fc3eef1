"""Keeps a claim alive while its job is painted, and hears what the client asks."""

import logging
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

from redis import RedisError

from shared import transitions
from shared.jobs import Job
from shared.transitions import HeartbeatReply
from worker.studio import Studio

log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that renews the lease at every beat; painting never waits for Redis.

    Redis being away is no reason to stop painting: the next beat that comes through tells whether
    the claim is still held.

    Attributes:
        answer: what the last beat heard: `ok`, `cancel`, `finish` or `lost`.
        options: the job's options, with the weights as they were last heard of.
    """

    def __init__(self, job: Job, fence: str, studio: Studio) -> None:
        self.answer: str = "ok"
        self.options: dict[str, Any] = job.options
        self._job, self._fence, self._studio = job, fence, studio
        self._weight_updates = job.weight_updates
        self._news: dict[str, str] = {}
        self._left: int | None = None
        self._iterations = 0
        self._lock = Lock()
        self._ended, self._wanted = Event(), Event()
        self._stack = ExitStack()
        run = partial(copy_context().run, self._run)  # it logs of the same job
        self._thread = Thread(target=run, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._studio.summons.waking(self._job.id, self._wanted))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._wanted.set()
        self._thread.join()
        self._stack.close()

    def tell(self, news: dict[str, str], left: int | None = None, *, iterations: int = 0) -> None:
        """Fields for the record, written at the next beat; newer values replace older ones.

        Args:
            left: how much there is left to paint, in pixels times iterations.
            iterations: how many more were painted.
        """
        with self._lock:
            self._news |= news
            self._left = self._left if left is None else left
            self._iterations += iterations

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait(self._studio.settings.heartbeat_seconds)
            self._wanted.clear()
            if not self._ended.is_set():
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            news, self._news = self._news, {}
            iterations, self._iterations = self._iterations, 0
        try:
            heard = self._studio.jobs.run(
                transitions.heartbeat(
                    self._job.id,
                    self._fence,
                    lease_seconds=self._studio.settings.lease_seconds,
                    news=news,
                    weight_updates=self._weight_updates,
                    remaining=self._left,
                    iterations=iterations,
                )
            )
        except RedisError as error:
            log.warning("Job %s: no heartbeat, Redis is away: %s", self._job.id, error)
            with self._lock:
                self._news = news | self._news
                self._iterations += iterations
            return
        self._hear(heard)

    def _hear(self, heard: HeartbeatReply) -> None:
        self.answer = heard.answer
        if heard.weight_updates is not None and heard.options is not None:
            self._weight_updates, self.options = heard.weight_updates, heard.options
