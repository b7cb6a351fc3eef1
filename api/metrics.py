"""`/metrics` for Prometheus: what Redis has counted, how the queue stands, and this process's
requests."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from api.problems import responses
from api.service import ServiceOf
from shared import metrics
from shared.metrics import BOUNDS, METRICS, Counts, Metric
from shared.workers import Worker, list_workers

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses=responses(503))
async def exposition(service: ServiceOf) -> Response:
    """Every metric, as Prometheus reads them."""
    counts = await service.jobs.run(metrics.counts())
    workers = await service.jobs.run(list_workers())
    shown = CollectorRegistry()
    shown.register(_Snapshot(counts, workers, service.watching.watchers))
    text = generate_latest(shown) + generate_latest(service.request_times.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class _Snapshot(Collector):
    """What there was when it was asked for."""

    def __init__(self, counts: Counts, workers: list[Worker], watchers: int) -> None:
        self._counts, self._workers, self._watchers = counts, workers, watchers

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            if metric.counted_as is not None:
                yield self._counted(metric)
        yield _gauge(metrics.JOBS_WAITING, self._counts.waiting.items())
        yield _gauge(metrics.JOBS_RUNNING, [("", self._counts.running)])
        yield _gauge(metrics.WEBHOOKS_WAITING, [("", self._counts.webhooks_waiting)])
        yield _gauge(metrics.WORKERS, [("", len(self._workers))])
        yield _gauge(metrics.WATCHERS, [("", self._watchers)])
        yield _gauge(metrics.WORKER_RATE, ((each.name, each.rate) for each in self._workers))
        yield _gauge(
            metrics.WORKER_MEMORY, ((each.name, each.memory_bytes) for each in self._workers)
        )

    def _counted(self, metric: Metric) -> Family:
        counted, beginning = self._counts.counted, f"{metric.counted_as}:"
        if metric.kind == "histogram":
            return _histogram(metric, counted)
        if metric.label is None:
            family = CounterMetricFamily(metric.name, metric.description)
            family.add_metric([], counted.get(metric.counted_as or "", 0.0))
            return family
        family = CounterMetricFamily(metric.name, metric.description, labels=[metric.label])
        for field, value in sorted(counted.items()):
            if field.startswith(beginning):
                family.add_metric([field.removeprefix(beginning)], value)
        return family


def _histogram(metric: Metric, counted: Mapping[str, float]) -> Family:
    classes = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    numbers = accumulate(counted.get(f"{metric.counted_as}:{each}", 0.0) for each in classes)
    family = HistogramMetricFamily(metric.name, metric.description)
    buckets = list(zip(classes, numbers, strict=True))
    family.add_metric([], buckets, counted.get(f"{metric.counted_as}:sum", 0.0))
    return family


def _gauge(metric: Metric, values: Iterable[tuple[str, float | None]]) -> Family:
    labels = [] if metric.label is None else [metric.label]
    family = GaugeMetricFamily(metric.name, metric.description, labels=labels)
    for label, value in values:
        if value is not None:
            family.add_metric([label] if labels else [], value)
    return family
