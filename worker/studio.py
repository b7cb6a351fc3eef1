"""What a painting process works with, built once in each process and handed to every task."""

from dataclasses import dataclass
from multiprocessing.synchronize import Event

from celery import Celery

from shared.blob_store import BlobStore
from shared.job_store import JobStore
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Studio:
    """The parts of a painting process. `closing` is set when the worker is asked to go."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: Celery
    closing: Event

    @classmethod
    def open(cls, settings: Settings, queue: Celery, closing: Event) -> "Studio":
        """Connections of this process's own: none may be shared across a fork."""
        return cls(
            settings=settings,
            jobs=JobStore.connect(settings.redis_location),
            blobs=BlobStore.open(settings.blob_store_location),
            queue=queue,
            closing=closing,
        )
