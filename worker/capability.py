"""What this worker can paint now: its weights may change while it lives, and so does its memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from pastiche.engine.weights import automatic_backbone, available_backbones
from pastiche.memory import ComputedIn, Memory
from pastiche.options import Options
from shared.settings import Settings
from shared.workers import Worker

FRESH_SECONDS = 2.0
"""For how long a measured number is given again."""


class FreeMemory:
    """How many bytes there are for a job. It is measured between jobs; while one is painted, the
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
    """What a worker is, and has.

    Attributes:
        computed_in: what its networks compute in where the options leave it open.
    """

    name: str
    device: str
    computed_in: ComputedIn
    settings: Settings
    free_memory: FreeMemory

    def worker(self) -> Worker:
        """What it says of itself, and claims jobs by."""
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
