"""Says at every few seconds that this worker lives, and what it paints with."""

import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage
from threading import Thread

from redis import RedisError

from shared.workers import register_worker
from worker.studio import Studio

log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
BELIEVED_SECONDS = 10.0


def worker_name(process_id: int) -> str:
    """A name that no other living worker has."""
    return f"{socket.gethostname()}-{process_id}"


def resident_bytes() -> int:
    """What this process has of the machine's memory; the most it ever had where there is no
    Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return getrusage(RUSAGE_SELF).ru_maxrss
    return pages * getpagesize()


class Presence(Thread):
    """A thread that lives as long as its process is not asked to go."""

    def __init__(self, studio: Studio, memory_bytes: Callable[[], int]) -> None:
        super().__init__(name="presence", daemon=True)
        self._studio = studio
        self._memory_bytes = memory_bytes

    def run(self) -> None:
        self._say(BELIEVED_SECONDS)
        while not self._studio.closing.wait(EVERY_SECONDS):
            self._say(BELIEVED_SECONDS)
        self._say(ttl_seconds=0.0)

    def _say(self, ttl_seconds: float) -> None:
        try:
            worker = replace(
                self._studio.capability.worker(),
                rate=self._studio.pace.rate,
                memory_bytes=self._memory_bytes(),
            )
            self._studio.jobs.run(register_worker(worker, ttl_seconds=ttl_seconds))
        except RedisError as error:
            log.warning("Redis is away: %s", error)
