"""Registers this worker every few seconds: what it can paint now, and how fast it paints."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage
from threading import Lock, Thread
from time import monotonic

from redis import RedisError

from pastiche.engine.weights import automatic_backbone, available_backbones
from pastiche.memory_budget import ComputedIn, Memory
from pastiche.options import Options
from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import Worker, register_worker
from worker.shutdown import Shutdown

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 3.0
TTL_SECONDS = 10.0

FRESH_SECONDS = 2.0
"""For how long the measured amount of free memory is used again."""

_WEIGHT_OF_NEWEST = 0.3
"""Of the newest job in a worker's rate."""


def worker_name(process_id: int) -> str:
    """A name that no other living worker has."""
    return f"{socket.gethostname()}-{process_id}"


def resident_bytes() -> int:
    """How much of the machine's memory this process has; the most it ever had where there is no
    Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return getrusage(RUSAGE_SELF).ru_maxrss
    return pages * getpagesize()


class FreeMemory:
    """How many bytes there are for a job. They are measured between jobs; while one is painted, the
    number is the one before.

    Args:
        measure: how many bytes are free now.
    """

    def __init__(self, measure: Callable[[], int]) -> None:
        self._measure = measure
        self._lock = Lock()
        self._is_painting = False
        self._bytes = 0
        self._measured_at: float | None = None

    def bytes(self) -> int:
        """The newest number."""
        with self._lock:
            if not self._is_painting and not self._is_fresh():
                self._bytes, self._measured_at = self._measure(), monotonic()
            return self._bytes

    @contextmanager
    def painting(self) -> Iterator[None]:
        """A job is painted until the end of the context."""
        with self._lock:
            self._is_painting = True
        try:
            yield
        finally:
            with self._lock:
                self._is_painting, self._measured_at = False, None

    def _is_fresh(self) -> bool:
        return self._measured_at is not None and monotonic() - self._measured_at < FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class Capability:
    """What a worker can paint: its weights may change while it lives, and so does its memory.

    Attributes:
        computed_in: what its networks compute in where the options leave it open.
    """

    name: str
    device: str
    computed_in: ComputedIn
    settings: Settings
    free_memory: FreeMemory

    def worker(self) -> Worker:
        """What it reports of itself, and claims jobs by."""
        folder = self.settings.weights_folder
        backbone = automatic_backbone(folder)
        memory = self.memory(self.free_memory.bytes())
        return Worker(
            self.name,
            backbone,
            self.device,
            memory.most_pixels(Options(), backbone),
            backbones=available_backbones(folder),
            free_bytes=memory.free,
            limit_bytes=memory.limit,
            computed_in=memory.automatic,
        )

    def memory(self, free_bytes: int) -> Memory:
        """The memory for one painting where so much is free."""
        return Memory(free_bytes, self.settings.memory_bytes, self.computed_in)


@dataclass(slots=True)
class PaintingRate:
    """How fast a worker paints, by its last jobs: pixels times iterations a second, everything from
    claim to commit included; None before the first job."""

    value: float | None = None

    def add(self, work: int, seconds: float) -> None:
        """Counts one more job that was painted whole."""
        newest = work / max(seconds, 1e-3)
        if self.value is None:
            self.value = newest
        else:
            self.value += _WEIGHT_OF_NEWEST * (newest - self.value)


class Registration(Thread):
    """A thread that registers the worker until it shuts down."""

    def __init__(
        self,
        jobs: JobStore,
        capability: Capability,
        rate: PaintingRate,
        shutdown: Shutdown,
        memory_bytes: Callable[[], int],
    ) -> None:
        super().__init__(name="registration", daemon=True)
        self._jobs, self._capability, self._rate = jobs, capability, rate
        self._shutdown, self._memory_bytes = shutdown, memory_bytes

    def run(self) -> None:
        self._register(TTL_SECONDS)
        while not self._shutdown.wait(INTERVAL_SECONDS):
            self._register(TTL_SECONDS)
        self._register(ttl_seconds=0.0)

    def _register(self, ttl_seconds: float) -> None:
        try:
            worker = replace(
                self._capability.worker(),
                rate=self._rate.value,
                memory_bytes=self._memory_bytes(),
            )
            self._jobs.run(register_worker(worker, ttl_seconds=ttl_seconds))
        except RedisError as error:
            log.warning("Worker not registered, Redis is unreachable: %s", error)
