"""`python -m worker.health`: ends with 0 where a worker of this host says that it lives."""

import socket
import sys

from redis import RedisError

from shared.job_store import JobStore
from shared.settings import Settings
from shared.workers import living


def main() -> int:
    """Asks Redis, where the API looks too: a worker that cannot say so there is of no use."""
    try:
        workers = JobStore.connect(Settings().redis_location).run(living())
    except RedisError as error:
        sys.stderr.write(f"Redis cannot be asked: {error}\n")
        return 1
    here = socket.gethostname()
    if any(worker.name.rpartition("-")[0] == here for worker in workers):
        return 0
    sys.stderr.write(f"No worker of {here} lives.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
