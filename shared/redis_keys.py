"""The names of the Redis keys: the record of each job, and what is stored of all of them.

`shared/scripts/job/prelude.lua` says what each of them holds.
"""

WAITING = "queue:waiting"
TURNS = "queue:turns"
WORK_LEFT = "queue:work"
RUNNING = "queue:running"
DEADLINES = "queue:deadlines"
FINISHED = "jobs:over"
CLEANUP = "jobs:debris"
INDEX = "jobs:index"
WEBHOOKS = "jobs:webhooks"
COUNTERS = "metrics:counters"
RETAINED = "jobs:retained"

JOB_KEYS: dict[str, str] = {
    "waiting": WAITING,
    "turns": TURNS,
    "work_left": WORK_LEFT,
    "deadlines": DEADLINES,
    "running": RUNNING,
    "finished": FINISHED,
    "cleanup": CLEANUP,
    "index": INDEX,
    "owners": "queue:owners",
    "in_flight": "queue:inflight",
    "webhooks": WEBHOOKS,
    "counters": COUNTERS,
    "retained": RETAINED,
}
"""The keys that every script on a job gets beside its record, by their names in the scripts."""

CHANGED = "changed"
"""The channel on which every script publishes the id of a job that has changed."""


def record_key(job_id: str) -> str:
    """The key of a job's hash; all keys of one job share the tag in braces."""
    return f"job:{{{job_id}}}"


def wake_up_channel(job_id: str) -> str:
    """Where a running job's worker is woken when its client requests something."""
    return f"wake-up:{job_id}"
