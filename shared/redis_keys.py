"""What Redis holds by which name: the record of each job, and what is known of all of them.

`shared/scripts/job/prelude.lua` says what each of them is.
"""

WAITING = "queue:waiting"
TURNS = "queue:turns"
WORK = "queue:work"
RUNNING = "queue:running"
DEADLINES = "queue:deadlines"
OVER = "jobs:over"
DEBRIS = "jobs:debris"
INDEX = "jobs:index"
WEBHOOKS = "jobs:webhooks"
COUNTERS = "metrics:counters"
KEPT = "jobs:kept"
QUEUE = (
    WAITING,
    TURNS,
    WORK,
    DEADLINES,
    RUNNING,
    OVER,
    DEBRIS,
    INDEX,
    "queue:owners",
    "queue:inflight",
    WEBHOOKS,
    COUNTERS,
    KEPT,
)
"""What every script on a job is told beside its record, in this order."""

CHANGED = "changed"
"""The channel on which every script says which job is another now."""


def record_key(job_id: str) -> str:
    """The key of a job's hash; all keys of one job share the tag in braces."""
    return f"job:{{{job_id}}}"


def asked_channel(job_id: str) -> str:
    """Where a running job's worker is woken when its client asks for something."""
    return f"asked:{job_id}"
