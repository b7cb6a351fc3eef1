"""What a collector receives of a request, its job, and the iterations that painted it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.http.middleware import PROBES
from local.supervisor import free_port
from shared import tracing
from tests import pictures
from tests.chaos.service import ChaosService, running_service
from tests.collector import Collector, ReceivedSpan, collecting
from tests.waiting import until

pytestmark = pytest.mark.slow

SHORT: dict[str, Any] = {"size": 96, "scales": 2, "iterations": 4}
LONG: dict[str, Any] = {"iterations": 400}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def service(collector: Collector) -> Iterator[ChaosService]:
    """A service that sends its traces to the collector."""
    with running_service(
        PASTICHE_WEBHOOKS_ANYWHERE="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_TIMEOUT="60",
        OTEL_BSP_SCHEDULE_DELAY="50",
    ) as made:
        yield made


@pytest.fixture(scope="module")
def painted(service: ChaosService, collector: Collector) -> str:
    """A small job that is done, with its spans exported."""
    job_id = service.submit(**SHORT)
    service.wait_for_status(job_id, "succeeded")
    attempt_at(job_id, collector)
    return job_id


@pytest.fixture(scope="module")
def webhook(service: ChaosService, collector: Collector) -> ReceivedSpan:
    """The first try to deliver a webhook to an address where no server listens."""
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    job_id = service.submit(**SHORT, webhook_url=nowhere)
    return collector.awaited("webhook", {"pastiche.job.id": job_id, "pastiche.webhook.try": 1})


def attempt_at(job_id: str, collector: Collector, number: int = 1) -> ReceivedSpan:
    return collector.awaited("attempt", {"pastiche.job.id": job_id, "pastiche.attempt": number})


def parent_of(span: ReceivedSpan, collector: Collector) -> ReceivedSpan:
    return until(lambda: [each for each in collector.spans if each.span_id == span.parent_id])[0]


def children_of(span: ReceivedSpan, collector: Collector) -> list[ReceivedSpan]:
    """In the order that they began."""
    found = [each for each in collector.spans if each.parent_id == span.span_id]
    return sorted(found, key=lambda each: each.began_ns)


def test_a_trace_leads_from_the_request_to_the_iterations(
    painted: str, collector: Collector
) -> None:
    attempt = attempt_at(painted, collector)
    submission = parent_of(attempt, collector)
    request = parent_of(submission, collector)
    blocks = [each for each in children_of(attempt, collector) if each.name == "iterations"]
    assert (submission.name, submission.service) == ("submission", "pastiche-api")
    assert (attempt.name, attempt.service) == ("attempt", "pastiche-worker")
    assert (request.name, request.parent_id) == ("POST /jobs", "")
    assert blocks
    assert {each.trace_id for each in blocks} == {request.trace_id}


def test_a_submission_is_decoded_stored_queued_and_painted(
    painted: str, collector: Collector
) -> None:
    submission = parent_of(attempt_at(painted, collector), collector)
    names = [each.name for each in children_of(submission, collector)]
    assert names == ["decode", "store", "queue", "attempt"]


def test_an_attempt_loads_prepares_iterates_and_commits(painted: str, collector: Collector) -> None:
    attempt = attempt_at(painted, collector)
    names = [each.name for each in children_of(attempt, collector)]
    assert list(dict.fromkeys(names)) == [
        "load",
        "prepare",
        "iterations",
        "encode",
        "store",
        "commit",
    ]
    assert attempt.attributes["pastiche.outcome"] == "succeeded"


def test_spans_of_iterations_cover_each_iteration_once(
    painted: str, service: ChaosService, collector: Collector
) -> None:
    attempt = attempt_at(painted, collector)
    blocks = [each for each in children_of(attempt, collector) if each.name == "iterations"]
    iterations: list[int] = []
    for block in blocks:
        first, last = (block.attributes[f"pastiche.iteration.{end}"] for end in ("first", "last"))
        iterations += range(int(first), int(last) + 1)
    job = service.get_job(painted)
    assert iterations == list(range(1, job["iterations"] + 1))
    assert blocks[-1].attributes["pastiche.objective"] == pytest.approx(job["losses"]["total"])
    scales = [each.attributes["pastiche.scale"] for each in blocks]
    assert scales == sorted(scales)
    assert len(set(scales)) > 1


def test_the_span_of_a_request_has_its_method_its_route_and_its_status(
    painted: str, service: ChaosService, collector: Collector
) -> None:
    service.http.get(f"/jobs/{'0' * 32}")
    found = collector.awaited("GET /jobs/{job_id}", {"http.response.status_code": 404})
    assert found.attributes["http.request.method"] == "GET"
    assert found.attributes["http.route"] == "/jobs/{job_id}"


def test_a_trace_that_a_client_started_is_continued(
    service: ChaosService, collector: Collector
) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    files = {"content": pictures.jpeg(), "style": pictures.png()}
    headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    fields = {"size": 64, "iterations": 2}
    answer = service.http.post("/jobs", files=files, data=fields, headers=headers)
    attempt = attempt_at(answer.json()["id"], collector)
    request = parent_of(parent_of(attempt, collector), collector)
    assert attempt.trace_id == trace_id
    assert (request.trace_id, request.parent_id) == (trace_id, span_id)


def test_a_picture_that_cannot_be_fetched_has_a_span_with_the_error_and_without_its_url(
    service: ChaosService, collector: Collector
) -> None:
    files = {"style": pictures.png()}
    service.http.post("/jobs", data={"content": "https://127.0.0.1/secret"}, files=files)
    fetch = collector.awaited("fetch", {"error.type": "url_not_allowed"})
    assert parent_of(fetch, collector).name == "submission"
    assert fetch.has_failed
    assert "secret" not in str(fetch)


def test_the_next_attempt_is_in_the_same_trace_and_linked(
    service: ChaosService, collector: Collector
) -> None:
    job_id = service.submit(**LONG)
    until(lambda: service.get_job(job_id)["iteration"] > 0)
    (worker,) = service.workers
    worker.send_signal(signal.SIGTERM)
    worker.popen.wait(60)
    first = attempt_at(job_id, collector)
    service.start()
    until(lambda: service.get_job(job_id)["attempt"] == 2)
    service.http.post(f"/jobs/{job_id}/cancel").raise_for_status()
    second = attempt_at(job_id, collector, 2)
    assert (first.trace_id, first.parent_id) == (second.trace_id, second.parent_id)
    assert (first.links, second.links) == ([], [first.span_id])
    outcomes = [each.attributes["pastiche.outcome"] for each in (first, second)]
    assert outcomes == ["given back", "canceled"]
    assert not first.has_failed
    assert not second.has_failed


def test_a_webhook_is_in_the_trace_of_its_job(webhook: ReceivedSpan, collector: Collector) -> None:
    attempt = attempt_at(str(webhook.attributes["pastiche.job.id"]), collector)
    assert (webhook.trace_id, webhook.parent_id) == (attempt.trace_id, attempt.parent_id)
    assert (webhook.service, webhook.has_failed) == ("pastiche-reconciler", True)


def test_log_lines_name_their_trace(
    painted: str, service: ChaosService, collector: Collector
) -> None:
    trace_id = attempt_at(painted, collector).trace_id
    (committed,) = [
        line for line in service.workers[0].log.splitlines() if f"Job {painted}: committed" in line
    ]
    (answered,) = [
        line for line in service.api.log.splitlines() if trace_id in line and "POST /jobs" in line
    ]
    assert trace_id in committed
    assert "202" in answered


def test_query_values_are_redacted_in_spans(service: ChaosService, collector: Collector) -> None:
    service.http.get("/jobs?token=secret")
    span = collector.awaited("GET /jobs", {"url.query": "REDACTED"})
    assert not any("secret" in str(value) for value in span.attributes.values())


def test_spans_and_attributes_are_documented(
    painted: str, webhook: ReceivedSpan, collector: Collector
) -> None:
    page = (Path(__file__).parents[2] / "docs/deployment.md").read_text("utf-8")
    traces = {attempt_at(painted, collector).trace_id, webhook.trace_id}
    for span in collector.spans:
        if span.trace_id in traces:
            ours = [name for name in span.attributes if name.startswith("pastiche.")]
            undocumented = [name for name in (span.name, *ours) if f"`{name}`" not in page]
            assert undocumented == []


def test_health_checks_are_not_traced(service: ChaosService, collector: Collector) -> None:
    for path in (*PROBES, "/docs"):
        service.http.get(path)
    collector.awaited("GET /docs")
    assert not {f"GET {path}" for path in PROBES} & {span.name for span in collector.spans}


def test_a_collector_that_refuses_traces_breaks_nothing_and_is_logged_once(
    service: ChaosService, collector: Collector
) -> None:
    parts = (service.api, *service.workers)

    def counted(words: str) -> list[int]:
        return [part.log.count(words) for part in parts]

    lost, found = counted("Traces cannot be exported"), counted("Traces are exported again")
    collector.status = 400
    for _ in range(2):
        service.wait_for_status(service.submit(**SHORT), "succeeded")
    collector.status = 200
    service.wait_for_status(service.submit(**SHORT), "succeeded")
    until(lambda: counted("Traces are exported again") == [1 + each for each in found])
    assert counted("Traces cannot be exported") == [1 + each for each in lost]


def test_a_collector_that_never_answers_delays_nothing(
    service: ChaosService, collector: Collector
) -> None:
    job_id = service.submit(**LONG)
    collector.answering.clear()
    try:
        service.wait_for_status(job_id, "running")
        for part in (service.workers[0], service.api):
            part.send_signal(signal.SIGTERM)
            part.popen.wait(45)  # sooner than the collector's 60 s are over
    finally:
        collector.answering.set()
        service.start()
        service.http.delete(f"/jobs/{job_id}")


def test_an_unreachable_collector_is_logged_once() -> None:
    code = (
        "from opentelemetry import trace\n"
        "from shared import logs, tracing\n"
        "from shared.settings import Settings\n"
        "logs.configure(Settings())\n"
        "tracing.begin('pastiche-api')\n"
        "for _ in range(3):\n"
        "    with tracing.span('submission'):\n"
        "        pass\n"
        "    trace.get_tracer_provider().force_flush()\n"
        "tracing.end()\n"
    )
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": nowhere, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.1"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | away,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = ran.stderr.splitlines()
    assert "Traces cannot be exported" in line


@pytest.mark.parametrize(
    ("variables", "is_enabled"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_enabled_where_a_collector_is_set(
    variables: dict[str, str], is_enabled: bool
) -> None:
    assert tracing.is_enabled(variables) is is_enabled
