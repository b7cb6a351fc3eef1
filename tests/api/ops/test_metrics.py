"""What Prometheus reads."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from api.ops import metrics
from shared import transitions
from shared.errors import FAILURES
from shared.job_store import JOB_KEYS, JobStore
from shared.jobs import PRIORITIES
from shared.workers import Worker, register_worker
from tests.api.worker import RETENTION, PlayedWorker, submitted
from tests.conftest import RunningApi
from tests.waiting import until
from worker.reconciler import lead


def samples(api: RunningApi) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    response = api.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_life_of_a_job_is_counted(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    worker = PlayedWorker.of(job, jobs, api)
    beat = transitions.heartbeat(
        job["id"], worker.fence, lease_seconds=20, fields={}, remaining=100, iterations=7
    )
    jobs.run(beat)
    worker.commit()
    found = samples(api)
    assert found["pastiche_jobs_submitted_total", ()] == 1
    assert found["pastiche_attempts_total", ()] == 1
    assert found["pastiche_iterations_total", ()] == 7
    assert found["pastiche_pixel_iterations_total", ()] > 100
    assert found["pastiche_jobs_over_total", ("succeeded",)] == 1
    for name in ("wait", "painting"):
        assert found[f"pastiche_{name}_seconds_count", ()] == 1
        assert found[f"pastiche_{name}_seconds_bucket", ("+Inf",)] == 1
        assert 0 <= found[f"pastiche_{name}_seconds_sum", ()] < 60


def test_what_has_not_happened_yet_is_counted_as_zero(api: RunningApi) -> None:
    found = samples(api)
    for status in ("succeeded", "failed", "canceled", "expired"):
        assert found["pastiche_jobs_over_total", (status,)] == 0
    for code in FAILURES:
        assert found["pastiche_jobs_failed_total", (code,)] == 0
    for outcome in ("arrived", "failed"):
        assert found["pastiche_webhook_tries_total", (outcome,)] == 0


def test_failed_jobs_are_counted_by_the_code_of_their_error(
    api: RunningApi, jobs: JobStore
) -> None:
    PlayedWorker.of(submitted(api), jobs, api).fail()
    lost = submitted(api)["id"]
    jobs.run(transitions.claim(lost, lease_seconds=0))
    recover = transitions.recover(lost, lost_limit=1, lease_limit_seconds=3600, retention=RETENTION)
    assert jobs.run(recover) == "worker_lost"
    found = samples(api)
    counted = {code: found["pastiche_jobs_failed_total", (code,)] for code in FAILURES}
    assert {code: count for code, count in counted.items() if count} == {
        "out_of_memory": 1,
        "worker_lost": 1,
    }
    assert found["pastiche_jobs_over_total", ("failed",)] == 2


def test_every_outcome_of_a_webhook_is_known_in_advance() -> None:
    script = Path("shared/scripts/job/note_delivery.lua").read_text()
    (metric,) = (each for each in metrics.METRICS if each.name == "pastiche_webhook_tries")
    assert sorted(re.findall(r"'webhook:(\w+)'", script)) == sorted(metric.values)


def test_the_queue_is_counted_by_priority(api: RunningApi, jobs: JobStore) -> None:
    for priority in ("high", "low", "low"):
        submitted(api, priority=priority)
    found = samples(api)
    waiting = {lane: found["pastiche_jobs_waiting", (lane,)] for lane in PRIORITIES}
    assert waiting == {"high": 1, "normal": 0, "low": 2}
    jobs.run(transitions.claim(submitted(api)["id"], lease_seconds=20))
    assert samples(api)["pastiche_jobs_running", ()] == 1


def test_the_age_of_the_oldest_job_that_waits(api: RunningApi, jobs: JobStore) -> None:
    assert samples(api)["pastiche_oldest_waiting_seconds", ()] == 0
    low, high = submitted(api, priority="low"), submitted(api, priority="high")
    key = JOB_KEYS["arrivals"]
    jobs.client.zincrby(key, -60_000, low["id"])
    jobs.client.zincrby(key, -30_000, high["id"])
    assert 60 <= samples(api)["pastiche_oldest_waiting_seconds", ()] < 90
    jobs.run(transitions.claim(low["id"], lease_seconds=20))
    assert 30 <= samples(api)["pastiche_oldest_waiting_seconds", ()] < 60
    jobs.run(transitions.cancel(high["id"], retention=RETENTION))
    assert samples(api)["pastiche_oldest_waiting_seconds", ()] == 0


def test_a_job_that_an_older_worker_took_no_longer_waits(api: RunningApi, jobs: JobStore) -> None:
    jobs.client.zadd(JOB_KEYS["arrivals"], {"taken": 1})
    assert samples(api)["pastiche_oldest_waiting_seconds", ()] == 0
    assert jobs.client.zscore(JOB_KEYS["arrivals"], "taken") is None


def test_whether_a_reconciler_leads(api: RunningApi, jobs: JobStore) -> None:
    assert samples(api)["pastiche_reconciler_leads", ()] == 0
    jobs.run(lead("one", lease_seconds=60))
    assert samples(api)["pastiche_reconciler_leads", ()] == 1


def test_a_store_that_cannot_be_written(api: RunningApi) -> None:
    name = "pastiche_store_writable"
    until(lambda: samples(api)[name, ("blob_store",)] == 1)
    blocked = api.settings.data_folder / "blobs" / "checks"
    blocked.write_bytes(b"a file where a folder belongs")
    until(lambda: samples(api)[name, ("blob_store",)] == 0)
    assert samples(api)[name, ("redis",)] == 1
    blocked.unlink()
    until(lambda: samples(api)[name, ("blob_store",)] == 1)


def test_an_attempt_whose_worker_died_is_counted(api: RunningApi, jobs: JobStore) -> None:
    job = submitted(api)
    jobs.run(transitions.claim(job["id"], lease_seconds=0))
    recover = transitions.recover(
        job["id"], lost_limit=3, lease_limit_seconds=3600, retention=RETENTION
    )
    jobs.run(recover)
    assert samples(api)["pastiche_attempts_lost_total", ()] == 1


def test_living_workers_are_counted(api: RunningApi, jobs: JobStore) -> None:
    worker = Worker("one", "whitened", "CPU", 10**9, rate=5e6, memory_bytes=7_000)
    jobs.run(register_worker(worker, ttl_seconds=60))
    found = samples(api)
    assert found["pastiche_workers", ()] == 1
    assert found["pastiche_worker_pixel_iterations_per_second", ("one",)] == 5e6
    assert found["pastiche_worker_memory_bytes", ("one",)] == 7_000


def test_requests_are_counted_by_route_and_not_by_path(api: RunningApi) -> None:
    routes = [("POST", "/jobs", "202"), ("GET", "/jobs/{job_id}", "404"), ("GET", "none", "404")]
    before = samples(api)
    submitted(api)
    api.http.get(f"/jobs/{'0' * 32}")
    api.http.get("/no/such/path")
    found = samples(api)
    for route in routes:
        key = ("pastiche_http_request_seconds_count", route)
        assert found[key] == before.get(key, 0) + 1
    assert not any("no/such" in str(labels) for _, labels in found)


def test_a_request_is_counted_by_its_own_method(api: RunningApi) -> None:
    job = submitted(api)
    name = "pastiche_http_request_seconds_count"

    def counted(method: str) -> float:
        return samples(api).get((name, (method, "/jobs/{job_id}", "200")), 0)

    before = counted("HEAD"), counted("GET")
    api.http.head(job["links"]["self"])
    assert (counted("HEAD"), counted("GET")) == (before[0] + 1, before[1])


def test_durations_are_counted_in_the_documented_buckets(jobs: JobStore) -> None:
    script = jobs.client.register_script(
        "local counters = KEYS[1]\n"
        + (Path("shared/scripts/prelude.lua").read_text())
        + "for _, bound in ipairs(bounds) do observe(counters, 'x', bound) end"
    )
    script(keys=["test"])
    classes = {str(each) for each in jobs.client.hkeys("test")} - {"x:sum"}
    assert classes == {f"x:{bound:g}" for bound in metrics.BOUNDS}


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    dashboard = json.loads(Path("deploy/grafana/pastiche.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = set(re.findall(r"pastiche_\w+?(?=_total|_bucket|_count|\b)", " ".join(expressions)))
    assert shown == {metric.name for metric in metrics.METRICS}


def test_every_metric_is_documented() -> None:
    page = Path("docs/metrics.md").read_text()
    for metric in metrics.METRICS:
        assert f"`{metric.name}" in page, metric.name
