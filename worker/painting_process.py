"""The process that paints: the child of Celery's pool.

Celery forks it or, where forking is not safe, as on a Mac, spawns it. A spawned process is a new
interpreter, which knows only the modules that Celery imports there. Therefore importing this one
registers the task and the handlers of the process's signals.
"""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from time import time
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from redis import RedisError

from shared import logs, tracing
from shared.celery_app import PAINT_TASK, create_queue
from shared.settings import Settings
from shared.workers import register_worker
from worker.context import Shutdown, WorkerContext
from worker.tasks import paint

log = logging.getLogger(__name__)

SHUTDOWN_SIGNAL = signal.SIGUSR2
"""The signal that makes the process return its job: the pool handles the usual ones."""

REGISTER_SECONDS = 3.0
"""How often a worker registers what it can paint now, besides after each job."""

REGISTERED_SECONDS = 10.0
"""How long a registration lasts."""

RESTART_SECONDS = 5.0
"""How long a process that cannot start or claim jobs waits before it ends. The pool then starts the
next one."""


class PaintingProcess:
    """The state of the process."""

    _context: WorkerContext  # set by `start`, before the pool gives the process a message

    def start(self, **_: Any) -> None:
        """Starts; ends the process if that fails. If it raised an Exception, Celery would only log
        it, and give the process jobs."""
        shutdown = Shutdown()
        signal.signal(SHUTDOWN_SIGNAL, lambda *_: shutdown.set())
        try:
            self._start(shutdown)
        except Exception as error:
            log.exception("This process cannot paint")
            shutdown.wait(RESTART_SECONDS)
            raise SystemExit(1) from error

    def _start(self, shutdown: Shutdown) -> None:
        """Loads torch and registers the worker, before the first job comes."""
        settings = Settings()
        logs.configure(settings)
        # Set before torch loads OpenMP: threads that spin while they wait make paintings many times
        # slower where two share the same cores, or one runs beside other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # The code that oneDNN compiles for one layer and picture size takes 0.4 MB, and by default
        # a thousand of these are cached. An iteration needs 33, or nine times as many with tiling.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "320")
        from worker.adapter import measure_capability, memory_bytes

        tracing.begin("pastiche-worker")
        capability = measure_capability(settings)
        context = WorkerContext.open(settings, create_queue(settings), shutdown, capability)
        self._context = context
        worker = capability.worker()
        log.info("Ready: backbone %s on %s", worker.backbone, worker.device)
        Registration(context, memory_bytes).start()

    def end(self, **_: Any) -> None:
        """Sends the last spans."""
        tracing.end()

    def paint(self, job_id: str) -> None:
        """Paints the next job: usually the one that the message was sent for."""
        paint_or_exit(self._context)


def paint_or_exit(context: WorkerContext) -> None:
    """Paints the next job.

    An error outside of a job ends the process. Celery would only log it and give the process more
    messages, although after a GPU fault every job fails like this. Once the process has ended, its
    message goes back to the queue, and the pool starts another process.
    """
    try:
        paint(context)
    except Exception:
        log.exception("This process cannot claim jobs")
        context.shutdown.wait(RESTART_SECONDS)
        os._exit(1)  # Celery would raise a SystemExit again in the parent


class Registration(Thread):
    """A thread that registers the worker until it shuts down."""

    def __init__(self, context: WorkerContext, memory_bytes: Callable[[], int]) -> None:
        super().__init__(name="registration", daemon=True)
        self._context, self._memory_bytes = context, memory_bytes
        self._started_at = time()

    def run(self) -> None:
        self._register(REGISTERED_SECONDS)
        speeds, shutdown = self._context.speed_record, self._context.shutdown
        while not speeds.wait(REGISTER_SECONDS, shutdown):
            self._register(REGISTERED_SECONDS)
        self._register(0.0)

    def _register(self, ttl_seconds: float) -> None:
        speed = self._context.speed_record.speed
        try:
            worker = replace(
                self._context.capability.worker(),
                rate=speed.rate,
                overhead_seconds=speed.overhead_seconds,
                iteration_seconds=speed.iteration_seconds,
                start_seconds=speed.start_seconds,
                memory_bytes=self._memory_bytes(),
                started_at=self._started_at,
            )
            self._context.jobs.run(register_worker(worker, ttl_seconds=ttl_seconds))
        except RedisError as error:
            log.warning("Worker not registered, Redis refused or did not answer: %s", error)
        except Exception:  # for example, the folder of weights cannot be read for a moment
            log.exception("Worker not registered")


_process = PaintingProcess()
worker_process_init.connect(_process.start)
worker_process_shutdown.connect(_process.end)
shared_task(name=PAINT_TASK)(_process.paint)
