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
from worker.context import WorkerContext
from worker.registration import Registration
from worker.shutdown import Shutdown
from worker.tasks import paint

log = logging.getLogger(__name__)


class PaintingProcess:
    """What lives in the pool's child; the parent only ever sets the shutdown flag."""

    def __init__(self, settings: Settings, queue: Celery, shutdown: Shutdown) -> None:
        self._settings = settings
        self._queue = queue
        self._shutdown = shutdown
        self._context: WorkerContext | None = None

    def start(self, **_: Any) -> None:
        """Loads torch and registers the worker, before the first job comes."""
        # Before torch loads OpenMP: threads that spin while they wait make two paintings on the
        # same cores, or one beside other work, many times slower.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        from worker.painting import memory_bytes, prepare

        tracing.begin("pastiche-worker")
        capability = prepare(os.getpid(), self._settings)
        context = WorkerContext.open(self._settings, self._queue, self._shutdown, capability)
        self._context = context
        worker = capability.worker()
        log.info("Ready: backbone %s on %s", worker.backbone, worker.device)
        rate, jobs = context.painting_rate, context.jobs
        Registration(jobs, capability, rate, self._shutdown, memory_bytes).start()

    def shut_down(self, **_: Any) -> None:
        """Lets the current job be given back."""
        self._shutdown.set()

    def end(self, **_: Any) -> None:
        """Sends the last spans, in the child that made them."""
        tracing.end()

    def paint(self, job_id: str) -> None:
        """Paints the next job: mostly the one that the message was sent for."""
        assert self._context is not None
        paint(self._context)


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    queue = create_queue(settings)
    process = PaintingProcess(settings, queue, Shutdown())
    queue.task(name=PAINT_TASK)(process.paint)
    worker_process_init.connect(process.start)
    worker_shutting_down.connect(process.shut_down)
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
