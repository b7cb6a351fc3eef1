"""Every metric: its name, where it is counted, and its samples for Prometheus.

Jobs are counted in Redis, by the scripts that change their records, in the same step: no process
has to report its counts, and none takes them with it when it dies. Requests are counted by
each API process.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.middleware import is_head
from pastiche.job_settings import Priority
from shared.job_store import JOB_KEYS, Transition
from shared.jobs import LANES
from shared.workers import Worker

Kind = Literal["counter", "gauge", "histogram"]

BOUNDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The upper bounds of the histograms' buckets, in seconds."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        label: its only label, if it has one.
        counted_as: the field of the counters, or the prefix of several, which the label follows;
            None if it is measured on request.
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
    """What is counted in Redis, and the lengths of its queues.

    Attributes:
        counted: by field.
        waiting: jobs by priority.
    """

    counted: Mapping[str, float]
    waiting: Mapping[Priority, int]
    running: int
    webhooks_waiting: int


def read_counts() -> Transition[Counts]:
    """Reads what has been counted so far."""
    keys = {name: JOB_KEYS[name] for name in ("counters", "waiting", "running", "webhooks")}
    return Transition("read_counters", keys, {"lanes": len(LANES)}, _parse_counts)


def _parse_counts(reply: Any) -> Counts:
    flat, lanes, running, webhooks = reply
    counted = dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
    return Counts(counted, dict(zip(LANES, lanes, strict=True)), running, webhooks)


class Snapshot(Collector):
    """The samples at one time."""

    def __init__(self, counts: Counts, workers: list[Worker], event_streams: int) -> None:
        self._counts, self._workers, self._event_streams = counts, workers, event_streams

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            if metric.counted_as is not None:
                yield self._make_family(metric)
        yield _make_gauge(JOBS_WAITING, self._counts.waiting.items())
        yield _make_gauge(JOBS_RUNNING, [("", self._counts.running)])
        yield _make_gauge(WEBHOOKS_WAITING, [("", self._counts.webhooks_waiting)])
        yield _make_gauge(WORKERS, [("", len(self._workers))])
        yield _make_gauge(WATCHERS, [("", self._event_streams)])
        yield _make_gauge(WORKER_RATE, ((each.name, each.rate) for each in self._workers))
        yield _make_gauge(WORKER_MEMORY, ((each.name, each.memory_bytes) for each in self._workers))

    def _make_family(self, metric: Metric) -> Family:
        counted, prefix = self._counts.counted, f"{metric.counted_as}:"
        if metric.kind == "histogram":
            return _make_histogram(metric, counted)
        if metric.label is None:
            family = CounterMetricFamily(metric.name, metric.description)
            family.add_metric([], counted.get(metric.counted_as or "", 0.0))
            return family
        family = CounterMetricFamily(metric.name, metric.description, labels=[metric.label])
        for field, value in sorted(counted.items()):
            if field.startswith(prefix):
                family.add_metric([field.removeprefix(prefix)], value)
        return family


def _make_histogram(metric: Metric, counted: Mapping[str, float]) -> Family:
    bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    numbers = accumulate(counted.get(f"{metric.counted_as}:{each}", 0.0) for each in bounds)
    family = HistogramMetricFamily(metric.name, metric.description)
    buckets = list(zip(bounds, numbers, strict=True))
    family.add_metric([], buckets, counted.get(f"{metric.counted_as}:sum", 0.0))
    return family


def _make_gauge(metric: Metric, values: Iterable[tuple[str, float | None]]) -> Family:
    labels = [] if metric.label is None else [metric.label]
    family = GaugeMetricFamily(metric.name, metric.description, labels=labels)
    for label, value in values:
        if value is not None:
            family.add_metric([label] if labels else [], value)
    return family


NO_ROUTE = "none"
"""The route of a request that has none."""


class RequestTimes:
    """The durations of this process's requests, by method, route and status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            REQUESTS.name,
            REQUESTS.description,
            ("method", "route", "status"),
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._seconds.labels(method, route, str(status)).observe(seconds)


class RequestTimer:
    """ASGI middleware: counts each request when its response begins, so that streams count, too."""

    def __init__(self, app: ASGIApp, times: RequestTimes) -> None:
        self._app, self._times = app, times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", NO_ROUTE)
                seconds = perf_counter() - started
                method = "HEAD" if is_head(scope) else scope["method"]
                self._times.observe(method, route, message["status"], seconds)
            await send(message)

        await self._app(scope, receive, observe if scope["type"] == "http" else send)
