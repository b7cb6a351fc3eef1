"""`python -m worker`: runs one painting process under Celery until SIGTERM."""

import gc
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from time import time
from typing import Any

from celery import Celery, bootsteps
from celery.signals import (
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)
from kombu.transport import redis as redis_transport
from redis import RedisError

from shared import logs, tracing
from shared.celery_app import PAINT_QUEUE, PAINT_TASK, create_queue
from shared.redis_checks import check_at_start
from shared.settings import Settings
from shared.workers import register_worker
from worker.context import Shutdown, WorkerContext
from worker.tasks import paint

log = logging.getLogger(__name__)

REGISTER_SECONDS = 3.0
"""How often a worker registers what it can paint now, besides after each job."""

REGISTERED_SECONDS = 10.0
"""How long a registration lasts."""

RESTART_SECONDS = 5.0
"""How long a process that cannot start or claim jobs waits before it ends. The pool then starts the
next one."""


class PaintingProcess:
    """The state of the pool's child process; the parent only sets the shutdown flag."""

    _context: WorkerContext  # set by `start`, before the pool gives the child a message

    def __init__(self, settings: Settings, queue: Celery, shutdown: Shutdown) -> None:
        self._settings = settings
        self._queue = queue
        self._shutdown = shutdown

    def start(self, **_: Any) -> None:
        """Starts; ends the process if that fails. If it raised an Exception, Celery would only log
        it, and give the process jobs."""
        try:
            self._start()
        except Exception as error:
            log.exception("This process cannot paint")
            self._shutdown.wait(RESTART_SECONDS)
            raise SystemExit(1) from error

    def _start(self) -> None:
        """Loads torch and registers the worker, before the first job comes."""
        # Set before torch loads OpenMP: threads that spin while they wait make paintings many times
        # slower where two share the same cores, or one runs beside other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # The code that oneDNN compiles for one layer and picture size takes 0.4 MB, and by default
        # a thousand of these are cached. An iteration needs 33, or nine times as many with tiling.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "320")
        from worker.adapter import measure_capability, memory_bytes

        tracing.begin("pastiche-worker")
        capability = measure_capability(self._settings)
        context = WorkerContext.open(self._settings, self._queue, self._shutdown, capability)
        self._context = context
        worker = capability.worker()
        log.info("Ready: backbone %s on %s", worker.backbone, worker.device)
        Registration(context, memory_bytes).start()

    def shut_down(self, **_: Any) -> None:
        """Makes the child return its job."""
        self._shutdown.set()

    def end(self, **_: Any) -> None:
        """Sends the last spans from the child that recorded them."""
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


class LostConnections(bootsteps.StartStopStep):
    """Releases the connection of a consumer that has lost Redis, once it has connected again.

    Kombu leaves a callback of the lost connection in the event loop, which keeps the connection's
    objects alive. A job that was running when Redis was lost acknowledges its message through them:
    they connect again for it, and would stay connected.
    """

    requires = ("celery.worker.consumer.connection:Connection",)
    _lost: frozenset[Callable[[], None]] = frozenset()

    def start(self, parent: Any) -> None:
        parent.hub.on_tick.difference_update(self._lost)
        self._lost = frozenset()
        gc.collect()  # the objects refer to each other

    def stop(self, parent: Any) -> None:
        callbacks = parent.hub.on_tick
        self._lost = frozenset(
            each for each in callbacks if each.__module__ == redis_transport.__name__
        )


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    check_at_start(settings)
    queue = create_queue(settings)
    process = PaintingProcess(settings, queue, Shutdown())
    queue.task(name=PAINT_TASK)(process.paint)
    queue.steps["consumer"].add(LostConnections)
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
