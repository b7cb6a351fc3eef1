"""Every metric: its name, where it is counted, and its samples for Prometheus.

Jobs are counted in Redis, by the scripts that change their records, in the same step: no process
has to report its counts, and none are lost when a process dies. Each API process counts its
requests.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Any, Literal

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.middleware import Middleware, is_head, on_response_start
from pastiche.job_settings import Priority
from shared.errors import FAILURES
from shared.job_store import JOB_KEYS, LEADER_KEY, Transition
from shared.jobs import OVER, PRIORITIES
from shared.workers import Worker

Kind = Literal["counter", "gauge", "histogram"]

BOUNDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The upper bounds of the histograms' buckets, in seconds."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted in Redis, and the lengths of its queues.

    Attributes:
        counted: by field.
        waiting: jobs by priority.
        oldest_seconds: how long the oldest of them has waited; 0 if there is none.
        reconciler_leads: whether a reconciler is at work.
    """

    counted: Mapping[str, float]
    waiting: Mapping[Priority, int]
    oldest_seconds: float
    running: int
    webhooks_waiting: int
    reconciler_leads: bool


@dataclass(frozen=True, slots=True)
class State:
    """What the gauges show.

    Attributes:
        writable: whether Redis and the blob store can be written, by their names.
    """

    counts: Counts
    workers: list[Worker]
    event_streams: int
    writable: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        label: its only label, if it has one.
        values: the values of the label that are reported as 0 before there is anything to count.
            Otherwise the rate of a counter that begins at 1 would miss the first event.
        counted_as: the field of the counters, or the prefix of several, which the label follows;
            None if it is measured on request.
        measure: returns the values of a gauge, each with the value of its label.
    """

    name: str
    kind: Kind
    description: str
    label: str | None = None
    counted_as: str | None = None
    measure: Callable[[State], Iterable[tuple[str, float | None]]] | None = None
    values: tuple[str, ...] = ()


REQUESTS = Metric(
    "pastiche_http_request_seconds",
    "histogram",
    "Requests by method, route and status, and how long they took. Only of this API process.",
)

METRICS = (
    Metric("pastiche_jobs_submitted", "counter", "Jobs accepted.", counted_as="submitted"),
    Metric(
        "pastiche_jobs_over",
        "counter",
        "Jobs that are over.",
        label="status",
        counted_as="over",
        values=tuple(sorted(OVER)),
    ),
    Metric(
        "pastiche_jobs_failed",
        "counter",
        "Jobs that failed, by the code of their error.",
        label="code",
        counted_as="failed",
        values=tuple(FAILURES),
    ),
    Metric(
        "pastiche_attempts",
        "counter",
        "Attempts to paint a job: claims by workers.",
        counted_as="attempts",
    ),
    Metric(
        "pastiche_attempts_lost",
        "counter",
        "Attempts lost because their worker died.",
        counted_as="lost",
    ),
    Metric(
        "pastiche_wait_seconds",
        "histogram",
        "The time from submission to the first attempt.",
        counted_as="wait",
    ),
    Metric(
        "pastiche_painting_seconds",
        "histogram",
        "The time from the first attempt to the picture.",
        counted_as="painting",
    ),
    Metric(
        "pastiche_iterations", "counter", "Iterations that were painted.", counted_as="iterations"
    ),
    Metric(
        "pastiche_pixel_iterations",
        "counter",
        "The work that was painted, in pixels times iterations.",
        counted_as="work",
    ),
    Metric(
        "pastiche_webhook_tries",
        "counter",
        "Tries to deliver webhooks.",
        label="outcome",
        counted_as="webhook",
        values=("arrived", "failed"),
    ),
    Metric(
        "pastiche_jobs_waiting",
        "gauge",
        "Jobs that are waiting.",
        "priority",
        measure=lambda now: now.counts.waiting.items(),
    ),
    Metric(
        "pastiche_oldest_waiting_seconds",
        "gauge",
        "How long ago the oldest waiting job was submitted; 0 if none is waiting.",
        measure=lambda now: [("", now.counts.oldest_seconds)],
    ),
    Metric(
        "pastiche_jobs_running",
        "gauge",
        "Jobs that are being painted.",
        measure=lambda now: [("", now.counts.running)],
    ),
    Metric(
        "pastiche_webhooks_waiting",
        "gauge",
        "Webhooks that are waiting to be sent.",
        measure=lambda now: [("", now.counts.webhooks_waiting)],
    ),
    Metric(
        "pastiche_workers",
        "gauge",
        "Live workers.",
        measure=lambda now: [("", len(now.workers))],
    ),
    Metric(
        "pastiche_reconciler_leads",
        "gauge",
        "1 while a reconciler is running, else 0.",
        measure=lambda now: [("", float(now.counts.reconciler_leads))],
    ),
    Metric(
        "pastiche_store_writable",
        "gauge",
        "1 if the API can write to the store, else 0. Of this API process alone.",
        "store",
        measure=lambda now: now.writable.items(),
    ),
    Metric(
        "pastiche_event_streams",
        "gauge",
        "Open event streams, and submissions that wait until their job is over. Of this API "
        "process alone.",
        measure=lambda now: [("", now.event_streams)],
    ),
    Metric(
        "pastiche_worker_pixel_iterations_per_second",
        "gauge",
        "How fast a worker painted its last jobs.",
        "worker",
        measure=lambda now: ((each.name, each.rate) for each in now.workers),
    ),
    Metric(
        "pastiche_worker_memory_bytes",
        "gauge",
        "Memory that a worker uses: the GPU's, or the machine's without a GPU.",
        "worker",
        measure=lambda now: ((each.name, each.memory_bytes) for each in now.workers),
    ),
    REQUESTS,
)


def read_counts() -> Transition[Counts]:
    """Reads what has been counted so far."""
    names = ("counters", "waiting", "arrivals", "running", "webhooks")
    keys = {name: JOB_KEYS[name] for name in names} | {"leader": LEADER_KEY}
    return Transition("read_counters", keys, {"lanes": len(PRIORITIES)}, _parse_counts)


def _parse_counts(reply: Any) -> Counts:
    flat, lanes, oldest_ms, running, webhooks, leads = reply
    counted = dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
    waiting = dict(zip(PRIORITIES, lanes, strict=True))
    return Counts(counted, waiting, oldest_ms / 1000, running, webhooks, bool(leads))


class Snapshot(Collector):
    """The samples at one time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            if metric.measure is not None:
                yield _make_gauge(metric, metric.measure(self._state))
            elif metric.counted_as is not None:
                yield _make_counted(metric, metric.counted_as, self._state.counts.counted)


def _make_counted(metric: Metric, name: str, counted: Mapping[str, float]) -> Family:
    prefix = f"{name}:"
    if metric.kind == "histogram":
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        numbers = accumulate(counted.get(f"{prefix}{bound}", 0.0) for bound in bounds)
        histogram = HistogramMetricFamily(metric.name, metric.description)
        buckets = list(zip(bounds, numbers, strict=True))
        histogram.add_metric([], buckets, counted.get(f"{prefix}sum", 0.0))
        return histogram
    labels = [] if metric.label is None else [metric.label]
    counter = CounterMetricFamily(metric.name, metric.description, labels=labels)
    if not labels:
        counter.add_metric([], counted.get(name, 0.0))
        return counter
    fields = [f"{prefix}{value}" for value in metric.values]
    for field in dict.fromkeys([*fields, *sorted(counted)]):
        if field.startswith(prefix):
            counter.add_metric([field.removeprefix(prefix)], counted.get(field, 0.0))
    return counter


def _make_gauge(metric: Metric, values: Iterable[tuple[str, float | None]]) -> Family:
    labels = [] if metric.label is None else [metric.label]
    family = GaugeMetricFamily(metric.name, metric.description, labels=labels)
    for label, value in values:
        if value is not None:
            family.add_metric([label] if labels else [], value)
    return family


NO_ROUTE = "none"
"""The route of a request that has none."""


def make_request_times() -> Histogram:
    """The durations of this process's requests, by method, route and status."""
    labels = ("method", "route", "status")
    return Histogram(REQUESTS.name, REQUESTS.description, labels, registry=None)


class RequestTimer(Middleware):
    """Counts each request when its response begins, so that streams are also counted."""

    def __init__(self, app: ASGIApp, times: Histogram) -> None:
        super().__init__(app)
        self._times = times

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()

        def observe(message: Message) -> None:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = "HEAD" if is_head(scope) else scope["method"]
            seconds = perf_counter() - started
            self._times.labels(method, route, str(message["status"])).observe(seconds)

        await self.app(scope, receive, on_response_start(send, observe))
