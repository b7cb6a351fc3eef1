"""`python -m worker.health [worker|reconciler]`: exits with 0 if it is alive on this host."""

import socket
import sys
from collections.abc import Sequence
from typing import Literal, get_args

from redis import RedisError

from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import list_workers

ReconcilerPart = Literal["records", "cleanup", "webhooks"]
"""The parts of a reconciler, each in its own thread."""

ALIVE_SECONDS = 180
"""How long a part of a reconciler is considered alive after a round. This is longer than a round
takes, even if the blob store answers none of the requests in it."""


def report_alive(jobs: JobStore, part: ReconcilerPart) -> None:
    """Reports that this part of the host's reconciler is alive."""
    key = _key(part)
    if not jobs.client.expire(key, ALIVE_SECONDS):  # a full Redis accepts this, unlike SET
        jobs.client.set(key, 1, ex=ALIVE_SECONDS)


def main(arguments: Sequence[str] = ()) -> int:
    """Reads from Redis whether it is alive: a process that cannot write there is useless."""
    part = arguments[0] if arguments else "worker"
    jobs = JobStore.connect(Settings().redis_location)
    try:
        alive = _is_reconciler_alive(jobs) if part == "reconciler" else _is_worker_alive(jobs)
    except RedisError as error:
        sys.stderr.write(f"Redis is unreachable: {error}\n")
        return 1
    if not alive:
        sys.stderr.write(f"No {part} of {socket.gethostname()} is alive.\n")
    return 0 if alive else 1


def _is_worker_alive(jobs: JobStore) -> bool:
    here = socket.gethostname()
    return any(worker.name.rpartition("-")[0] == here for worker in jobs.run(list_workers()))


def _is_reconciler_alive(jobs: JobStore) -> bool:
    keys = [_key(part) for part in get_args(ReconcilerPart)]
    return bool(jobs.client.exists(*keys) == len(keys))


def _key(part: ReconcilerPart) -> str:
    return f"alive:reconciler:{socket.gethostname()}:{part}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
