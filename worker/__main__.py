"""`python -m worker`: runs one painting process under Celery until SIGTERM."""

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from billiard import active_children
from celery import bootsteps
from celery.signals import worker_shutting_down
from kombu.transport import redis as redis_transport

from shared import logs
from shared.celery_app import PAINT_QUEUE, create_queue
from shared.redis_checks import check_at_start
from shared.settings import Settings
from worker import painting_process
from worker.painting_process import SHUTDOWN_SIGNAL


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


def shut_down_children(**_: Any) -> None:
    """Makes the painting process return its job."""
    for child in active_children():
        if child.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, SHUTDOWN_SIGNAL)


def main() -> None:
    settings = Settings()
    logs.configure(settings)
    check_at_start(settings)
    queue = create_queue(settings)
    queue.conf.include = [painting_process.__name__]
    queue.steps["consumer"].add(LostConnections)
    worker_shutting_down.connect(shut_down_children)
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
