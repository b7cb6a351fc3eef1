"""Says at every few seconds that this worker lives, and what it paints with."""

import logging
import socket
from dataclasses import replace
from threading import Thread

from redis import RedisError

from shared.workers import Worker, present
from worker.studio import Studio

log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
BELIEVED_SECONDS = 10.0


def worker_name(process_id: int) -> str:
    """A name that no other living worker has."""
    return f"{socket.gethostname()}-{process_id}"


class Presence(Thread):
    """A thread that lives as long as its process is not asked to go."""

    def __init__(self, worker: Worker, studio: Studio) -> None:
        super().__init__(name="presence", daemon=True)
        self._worker = worker
        self._studio = studio

    def run(self) -> None:
        self._say(BELIEVED_SECONDS)
        while not self._studio.closing.wait(EVERY_SECONDS):
            self._say(BELIEVED_SECONDS)
        self._say(believed_seconds=0.0)

    def _say(self, believed_seconds: float) -> None:
        try:
            worker = replace(self._worker, rate=self._studio.pace.rate)
            self._studio.jobs.run(present(worker, believed_seconds=believed_seconds))
        except RedisError as error:
            log.warning("Redis is away: %s", error)
