"""Deletes jobs beyond the limits of how many are retained, a few in each round of the reconciler.

Each job that ends makes room for itself. If an operator lowers a limit, this module deletes the
jobs beyond it, even if no job ends because Redis or the picture store is full.
"""

import logging
from typing import Any

from shared import transitions
from shared.job_store import JOB_KEYS, Argument, JobStore, Transition
from shared.transitions import Retention
from worker.each_job import for_each_job

log = logging.getLogger(__name__)

BATCH_SIZE = 200
"""How many jobs are deleted in one round."""

OWNERS = 100
"""For how many owners the jobs are counted in one round."""


def find_beyond_limits(
    after: str, retention: Retention, *, owners: int, limit: int
) -> Transition[tuple[str, dict[str, str]]]:
    """The jobs beyond the limits.

    Args:
        after: the owner after whom this continues; empty to start with the first.
        owners: the jobs of how many owners are counted at most.
        limit: how many jobs are returned at most.

    Returns:
        The last owner whose jobs are all listed, or '' at the end; and for the id of each job, the
        key of the list of retained jobs in which it is beyond the limit.
    """

    def read(reply: Any) -> tuple[str, dict[str, str]]:
        last, found = reply
        return last, {job_id: key for key, job_id in found}

    keys = {name: JOB_KEYS[name] for name in ("index", "retained")}
    arguments: dict[str, Argument] = {
        "after": after,
        "owners": owners,
        "limit": limit,
        **retention.limits,
    }
    return Transition("find_beyond_limits", keys, arguments, read)


class RetentionLimits:
    """Counts the jobs of all owners, and those of one owner after the other, repeatedly."""

    def __init__(self, jobs: JobStore, retention: Retention) -> None:
        self._jobs, self._retention = jobs, retention
        self._last_owner = ""

    def step(self) -> None:
        """Deletes some of the jobs beyond the limits, if there are any.

        Raises:
            RedisError: the rest is left to the next round.
        """
        find = find_beyond_limits(
            self._last_owner, self._retention, owners=OWNERS, limit=BATCH_SIZE
        )
        self._last_owner, lists = self._jobs.run(find)

        def delete(job_id: str) -> None:
            beyond = transitions.delete_beyond_limit(job_id, lists[job_id], self._retention)
            if self._jobs.run(beyond):
                log.info("Job %s: deleted, beyond the number of jobs that are retained", job_id)

        for_each_job(self._jobs, lists, delete)
