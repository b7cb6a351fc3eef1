"""Runs an action of the reconciler on many jobs, one after the other."""

import logging
from collections.abc import Callable, Iterable

from redis import RedisError
from redis.exceptions import ResponseError

from shared import transitions
from shared.job_store import JobStore

log = logging.getLogger(__name__)


def for_each_job(jobs: JobStore, job_ids: Iterable[str], action: Callable[[str], None]) -> None:
    """Runs the action for each job; an error in one job does not stop the others.

    Raises:
        RedisError: the rest is left to the next round.
    """
    for job_id in job_ids:
        try:
            action(job_id)
        except ResponseError as error:  # the key holds something other than a record
            log.error("Job %s: the reconciler failed: %s", job_id, error)
            if jobs.run(transitions.delete_damaged(job_id)):
                log.error("Job %s: deleted, its key did not hold a record", job_id)
        except RedisError:
            raise
        except Exception:
            log.exception("Job %s: unexpected error", job_id)
