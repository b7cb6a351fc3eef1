"""A container is healthy where the worker, or the reconciler, of its own host is alive."""

import socket
from pathlib import Path
from typing import get_args

import pytest

from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests.conftest import running_redis
from worker.context import worker_name
from worker.health import ReconcilerPart, main, report_alive


@pytest.fixture(autouse=True)
def _asks_our_redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", redis_url)


def say(jobs: JobStore, name: str, ttl_seconds: float = 10.0) -> None:
    jobs.run(register_worker(Worker(name, "whitened", "CPU", 10**7), ttl_seconds=ttl_seconds))


def test_this_host_s_worker_makes_it_healthy(jobs: JobStore) -> None:
    say(jobs, worker_name(17))
    assert main() == 0


def test_nobody_s_word_makes_it_unhealthy(jobs: JobStore) -> None:
    assert main() == 1


def test_another_host_s_worker_makes_it_unhealthy(jobs: JobStore) -> None:
    say(jobs, f"{socket.gethostname()}-2-17")
    assert main() == 1


def test_a_worker_that_has_gone_makes_it_unhealthy(jobs: JobStore) -> None:
    say(jobs, worker_name(17), ttl_seconds=0)
    assert main() == 1


def test_a_reconciler_is_healthy_while_all_of_its_parts_live(jobs: JobStore) -> None:
    for part in get_args(ReconcilerPart):
        assert main(["reconciler"]) == 1
        report_alive(jobs, part)
    assert main(["reconciler"]) == 0
    assert main(["worker"]) == 1


def test_a_reconciler_stays_healthy_while_redis_is_full(tmp_path: Path) -> None:
    with running_redis(tmp_path) as url:
        jobs = JobStore.connect(url)
        report_alive(jobs, "records")
        (key,) = jobs.client.keys("alive:*")
        jobs.client.expire(key, 5)
        jobs.client.config_set("maxmemory", 1)
        report_alive(jobs, "records")
        assert jobs.client.ttl(key) > 100
        jobs.client.close()


def test_a_redis_that_is_away_makes_it_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://127.0.0.1:1/0")
    assert main() == 1
