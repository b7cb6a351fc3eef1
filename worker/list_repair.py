"""Repairs the lists of jobs, a part in each round of the reconciler.

The scripts move a job to the list of its new state, but those of an older version do not. Workers
or an API of an older version may run beside this one for a while, and their jobs are in no such
list.
"""

from typing import Any

from shared.job_store import JOB_KEYS, Argument, JobStore, Transition

PART_ENTRIES = 200
"""How many entries of each list are checked in one round."""


def repair(after: str, after_by_status: str, *, limit: int) -> Transition[tuple[str, str]]:
    """Checks the next entries of the lists: of all jobs, and of the jobs by their state.

    Args:
        after: the last entry of the list of all jobs that was checked; empty for its beginning.
        after_by_status: the same for the jobs by their state.

    Returns:
        The last entry that is now checked in each list; empty at the end of the list.
    """

    def read(reply: Any) -> tuple[str, str]:
        rest, rest_by_status = reply
        return rest, rest_by_status

    keys = {name: JOB_KEYS[name] for name in ("index", "by_status")}
    arguments: dict[str, Argument] = {
        "after": after,
        "after_by_status": after_by_status,
        "limit": limit,
    }
    return Transition("repair_lists", keys, arguments, read)


class ListRepair:
    """Checks the lists from beginning to end, repeatedly."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._checked = ("", "")

    def step(self) -> None:
        """Checks the next part.

        Raises:
            RedisError: the same part is checked next time.
        """
        self._checked = self._jobs.run(repair(*self._checked, limit=PART_ENTRIES))
