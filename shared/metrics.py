"""Every metric's name, once: what is counted in Redis, with the records, and what in the API.

What is counted in Redis is counted by the scripts that change the records, in the same step: no
process has to be asked for it, and none takes its counts with it when it dies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.job_store import Transition
from shared.jobs import LANES, Priority
from shared.redis_keys import JOB_KEYS

Kind = Literal["counter", "gauge", "histogram"]

BOUNDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The upper bounds of the classes that durations are counted in, in seconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        label: the one label that it has; None where it has none.
        counted_as: the field of the counters, or the beginning of several with the label after it;
            None where it is measured when it is asked for.
    """

    name: str
    kind: Kind
    description: str
    label: str | None = None
    counted_as: str | None = None


SUBMITTED = Metric(
    "pastiche_jobs_submitted", "counter", "Jobs that were taken.", counted_as="submitted"
)
OVER = Metric("pastiche_jobs_over", "counter", "Jobs that came to an end.", "status", "over")
ATTEMPTS = Metric(
    "pastiche_attempts", "counter", "How often a worker took a job.", counted_as="attempts"
)
ATTEMPTS_LOST = Metric(
    "pastiche_attempts_lost", "counter", "Attempts that no worker survived.", counted_as="lost"
)
WAIT = Metric(
    "pastiche_wait_seconds", "histogram", "From submission to first attempt.", counted_as="wait"
)
PAINTING = Metric(
    "pastiche_painting_seconds",
    "histogram",
    "From the first attempt to the picture.",
    counted_as="painting",
)
ITERATIONS = Metric(
    "pastiche_iterations", "counter", "Iterations that were painted.", counted_as="iterations"
)
WORK = Metric(
    "pastiche_pixel_iterations",
    "counter",
    "What was painted, in pixels times iterations.",
    counted_as="work",
)
WEBHOOK_TRIES = Metric(
    "pastiche_webhook_tries", "counter", "Tries to deliver webhooks.", "outcome", "webhook"
)
JOBS_WAITING = Metric("pastiche_jobs_waiting", "gauge", "Jobs that wait.", "priority")
JOBS_RUNNING = Metric("pastiche_jobs_running", "gauge", "Jobs that are being painted.")
WEBHOOKS_WAITING = Metric("pastiche_webhooks_waiting", "gauge", "Webhooks that are to be tried.")
WORKERS = Metric("pastiche_workers", "gauge", "Workers that live.")
WORKER_RATE = Metric(
    "pastiche_worker_pixel_iterations_per_second",
    "gauge",
    "How fast a worker paints, by its last jobs.",
    "worker",
)
WORKER_MEMORY = Metric(
    "pastiche_worker_memory_bytes",
    "gauge",
    "What a worker has taken of its card's memory, or of the machine's.",
    "worker",
)
REQUESTS = Metric(
    "pastiche_http_request_seconds",
    "histogram",
    "Requests by method, route and status, and how long they took. Of this API process alone.",
)
WATCHERS = Metric(
    "pastiche_event_streams",
    "gauge",
    "Event streams, and submissions that wait for their end. Of this API process alone.",
)

METRICS = (
    SUBMITTED,
    OVER,
    ATTEMPTS,
    ATTEMPTS_LOST,
    WAIT,
    PAINTING,
    ITERATIONS,
    WORK,
    WEBHOOK_TRIES,
    JOBS_WAITING,
    JOBS_RUNNING,
    WEBHOOKS_WAITING,
    WORKERS,
    WORKER_RATE,
    WORKER_MEMORY,
    REQUESTS,
    WATCHERS,
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What Redis has counted, and how its queues stand.

    Attributes:
        counted: by field.
        waiting: jobs by priority.
    """

    counted: Mapping[str, float]
    waiting: Mapping[Priority, int]
    running: int
    webhooks_waiting: int


def counts() -> Transition[Counts]:
    """What has been counted so far."""
    keys = {name: JOB_KEYS[name] for name in ("counters", "waiting", "running", "webhooks")}
    return Transition("read_counters", keys, {"lanes": len(LANES)}, _counts)


def _counts(reply: Any) -> Counts:
    flat, lanes, running, webhooks = reply
    counted = dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
    return Counts(counted, dict(zip(LANES, lanes, strict=True)), running, webhooks)
