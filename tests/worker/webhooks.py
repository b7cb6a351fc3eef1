"""What the tests of webhooks share: a server that receives them, and what a job stores of them."""

from dataclasses import dataclass, field

from shared import transitions
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import Job, Webhook
from worker.webhooks import Deliveries


@dataclass
class Receiver:
    """A server that gets webhooks, and answers as it is set to."""

    url: str
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


def delivered(deliveries: Deliveries) -> bool:
    """A round and all its tries; whether there was one."""
    found = deliveries.round()
    deliveries.join()
    return found


def stored_webhook(jobs: JobStore, job_id: str) -> Webhook:
    job = jobs.run(transitions.read(job_id))
    assert isinstance(job, Job)
    assert job.webhook is not None
    return job.webhook


def bring_forward(jobs: JobStore) -> None:
    """Makes every webhook due now."""
    for job_id in jobs.client.zrange(JOB_KEYS["webhooks"], 0, -1):
        jobs.client.zadd(JOB_KEYS["webhooks"], {str(job_id): 0})
