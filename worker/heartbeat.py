"""Keeps a claim alive while its job is painted, and hears what the client asks."""

import logging
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Literal, Self

from redis import RedisError

from shared import transitions
from worker.studio import Studio

log = logging.getLogger(__name__)

Heard = Literal["nothing", "cancel", "lost"]


class Heartbeat:
    """A thread that renews the lease at every beat; painting never waits for Redis.

    Redis being away is no reason to stop painting: the next beat that comes through tells whether
    the claim is still held.
    """

    def __init__(self, job_id: str, fence: int, studio: Studio) -> None:
        self.heard: Heard = "nothing"
        self._job_id = job_id
        self._fence = fence
        self._studio = studio
        self._news: dict[str, str] = {}
        self._lock = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name=f"heartbeat-{job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def tell(self, news: dict[str, str]) -> None:
        """Fields for the record, written at the next beat; newer values replace older ones."""
        with self._lock:
            self._news |= news

    def _run(self) -> None:
        while not self._ended.wait(self._studio.settings.heartbeat_seconds):
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            news, self._news = self._news, {}
        try:
            answer = self._studio.jobs.run(
                transitions.heartbeat(
                    self._job_id,
                    self._fence,
                    lease_seconds=self._studio.settings.lease_seconds,
                    news=news,
                )
            )
        except RedisError as error:
            log.warning("Job %s: no heartbeat, Redis is away: %s", self._job_id, error)
            with self._lock:
                self._news = news | self._news
            return
        if answer != "ok":
            self.heard = answer
