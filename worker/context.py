"""What a painting process works with: its connections, and what it can paint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import getppid
from socket import gethostname
from threading import Event, Lock
from time import monotonic, sleep

from celery import Celery

from pastiche.engine.weights.files import automatic_backbone, available_backbones
from pastiche.memory_budget import ComputedIn, Memory
from pastiche.options import Options
from pastiche.painting_speed import IterationTimes, PaintingSpeed
from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings
from shared.transitions import Retention
from shared.workers import Worker
from worker.lease import WakeUps

FRESH_SECONDS = 2.0
"""How long a measurement of free memory is reused."""

_POLL_SECONDS = 0.05


def worker_name(process_id: int) -> str:
    """A name that no other live worker has; `worker.health` reads the host from it."""
    return f"{gethostname()}-{process_id}"


def worker_instance() -> str:
    """Identifies this pool: the painting processes that follow one another in it share their host
    and parent."""
    return f"{gethostname()}-{getppid()}"


class Shutdown:
    """Whether the worker is shutting down.

    A plain flag, because a signal handler sets it: it could interrupt a thread that holds the lock
    of an `Event`, and wait for that lock forever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Waits until it is set, for this long at most. Returns whether it is set."""
        deadline = monotonic() + seconds
        while not self.is_set() and monotonic() < deadline:
            sleep(_POLL_SECONDS)
        return self.is_set()


class FreeMemory:
    """How many bytes are free for a job. They are measured between jobs; while one is painted, the
    number does not change.

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

    @property
    def is_painting(self) -> bool:
        """Whether a job is painted now."""
        return self._is_painting

    @contextmanager
    def painting(self) -> Iterator[None]:
        """Marks that a job is painted until the end of the context."""
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
    """What a worker can paint, which may change with its weights and its memory.

    Attributes:
        computed_in: the precision of its networks if the options do not set it.
        device_bytes: all memory of its GPU, or of the machine or its container; None if unknown.
        instance: as in `Worker`.
    """

    name: str
    device: str
    computed_in: ComputedIn
    settings: Settings
    free_memory: FreeMemory
    device_bytes: int | None = None
    instance: str = ""

    @property
    def identity(self) -> str:
        """The identity of `worker()`, but without a measurement, which fails after a GPU fault."""
        return self.instance or self.name

    def worker(self) -> Worker:
        """What the worker reports about itself, and what it claims jobs by."""
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
            device_bytes=self.device_bytes,
            is_painting=self.free_memory.is_painting,
            instance=self.instance,
        )

    def memory(self, free_bytes: int) -> Memory:
        """The memory for one painting if `free_bytes` are free."""
        return Memory(free_bytes, self.settings.memory_bytes, self.computed_in)


class SpeedRecord:
    """The speed of a worker. Every job that it completes improves the measurement."""

    def __init__(self) -> None:
        self.speed = PaintingSpeed()
        self._changed = Event()

    def add(self, work: int, seconds: float, times: IterationTimes) -> None:
        """Adds a completed job, as in `PaintingSpeed.updated`."""
        self.speed = self.speed.updated(work, seconds, times)
        self._changed.set()

    def wait(self, seconds: float, shutdown: Shutdown) -> bool:
        """Waits until there is a new measurement or the worker shuts down, for this long at most.
        Returns whether it shuts down."""
        deadline = monotonic() + seconds
        while not shutdown.is_set() and monotonic() < deadline:
            if self._changed.wait(_POLL_SECONDS):
                self._changed.clear()
                break
        return shutdown.is_set()


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The parts of a painting process, built once in each process and passed to every task.

    Attributes:
        shutdown: is set when the worker has to end.
        capability: what can be painted here.
    """

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: Celery
    shutdown: Shutdown
    wake_ups: WakeUps
    capability: Capability
    speed_record: SpeedRecord = field(default_factory=SpeedRecord)

    @classmethod
    def open(
        cls, settings: Settings, queue: Celery, shutdown: Shutdown, capability: Capability
    ) -> "WorkerContext":
        """Opens connections, which must not be shared across a fork."""
        jobs = JobStore.connect(settings.redis_location)
        wake_ups = WakeUps(jobs)
        wake_ups.start()
        blobs = BlobStore.open(settings.blob_store_location)
        return cls(settings, jobs, blobs, queue, shutdown, wake_ups, capability)

    @property
    def retention(self) -> Retention:
        """How long jobs are retained once they are over."""
        return Retention.from_settings(self.settings)
