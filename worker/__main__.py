"""`python -m worker`: one painting process under Celery, until SIGTERM."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import (
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from shared import logs, tracing
from shared.queue import PAINT_QUEUE, PAINT_TASK, create_queue
from shared.settings import Settings
from worker.closing import Closing
from worker.studio import Studio
from worker.tasks import paint

log = logging.getLogger(__name__)


class PaintingProcess:
    """What lives in the pool's child; the parent only ever asks it to close."""

    def __init__(self, settings: Settings, queue: Celery, closing: Closing) -> None:
        self._settings = settings
        self._queue = queue
        self._closing = closing
        self._studio: Studio | None = None

    def begin(self, **_: Any) -> None:
        """Loads torch and says what paints here, before the first job comes."""
        # Before torch loads OpenMP: threads that spin while they wait make two paintings on the
        # same cores, or one beside other work, many times slower.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        from worker.painting import memory_bytes, prepare
        from worker.presence import Presence

        tracing.begin("pastiche-worker")
        capability = prepare(os.getpid(), self._settings)
        self._studio = Studio.open(self._settings, self._queue, self._closing, capability)
        worker = capability.worker()
        log.info("Ready: backbone %s on %s", worker.backbone, worker.device)
        Presence(self._studio, memory_bytes).start()

    def close(self, **_: Any) -> None:
        """Lets the job that is being painted be given back."""
        self._closing.set()

    def end(self, **_: Any) -> None:
        """Sends the last spans, in the child that made them."""
        tracing.end()

    def paint(self, job_id: str) -> None:
        """Paints the job that is next: mostly the one that the message was sent for."""
        assert self._studio is not None
        paint(self._studio)


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    queue = create_queue(settings)
    process = PaintingProcess(settings, queue, Closing())
    queue.task(name=PAINT_TASK)(process.paint)
    worker_process_init.connect(process.begin)
    worker_shutting_down.connect(process.close)
    worker_process_shutdown.connect(process.end)
    queue.Worker(
        hostname=f"pastiche@{os.uname().nodename}-{os.getpid()}",
        pool="prefork",
        concurrency=1,
        queues=[PAINT_QUEUE],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel=settings.log_level,
    ).start()


if __name__ == "__main__":
    main()
