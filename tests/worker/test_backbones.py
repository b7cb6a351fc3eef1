"""Workers that have different weights and memory: each job goes to one that can paint it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pastiche.engine.weights import vgg16
from shared.job_store import JobStore, record_key
from shared.workers import Worker, register_worker
from tests.conftest import running
from tests.stack import Stack, served
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whitened_only(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service whose worker has no weights, on the tests' Redis."""
    store = JobStore.connect(redis_url)
    store.client.flushall()
    store.client.close()
    folder = tmp_path_factory.mktemp("stack")
    environment = {
        "PASTICHE_REDIS_URL": redis_url,
        "PASTICHE_WEIGHTS_FOLDER": str(folder),
        "PASTICHE_MEMORY_MEGABYTES": "700",
    }
    with served(folder, **environment) as stack:
        yield stack


def test_a_job_waits_for_a_worker_that_has_its_backbone(
    whitened_only: Stack, redis_url: str
) -> None:
    jobs = JobStore.connect(redis_url)
    elsewhere = Worker("elsewhere-1", "vgg19", "CPU", 10**9, backbones=("vgg19", "whitened"))
    jobs.run(register_worker(elsewhere, ttl_seconds=60))
    waiting = whitened_only.submit(backbone="vgg19")
    assert whitened_only.wait_for_status(whitened_only.submit(), "succeeded")  # submitted later
    assert whitened_only.get_job(waiting)["status"] == "queued"
    jobs.run(register_worker(elsewhere, ttl_seconds=0))
    jobs.client.close()
    whitened_only.http.delete(waiting["links"]["self"])


def test_a_job_waits_for_a_worker_that_has_the_memory(whitened_only: Stack, redis_url: str) -> None:
    jobs = JobStore.connect(redis_url)
    elsewhere = Worker("elsewhere-1", "whitened", "CPU", 10**9, backbones=("whitened",))
    jobs.run(register_worker(elsewhere, ttl_seconds=60))
    waiting = whitened_only.submit(size=2048)
    assert whitened_only.wait_for_status(whitened_only.submit(), "succeeded")  # submitted later
    assert whitened_only.get_job(waiting)["status"] == "queued"
    whitened_only.http.delete(waiting["links"]["self"])
    jobs.run(register_worker(elsewhere, ttl_seconds=0))
    jobs.client.close()


def test_a_job_with_an_option_that_the_worker_does_not_know_waits_for_one_that_does(
    whitened_only: Stack, redis_url: str
) -> None:
    jobs = JobStore.connect(redis_url)
    painted = whitened_only.submit(size=256)  # keeps the worker busy
    waiting = whitened_only.submit()
    record = record_key(waiting["id"])
    options = json.loads(jobs.client.hget(record, "options") or "{}") | {"brush": 3}
    jobs.client.hset(record, "options", json.dumps(options))
    assert whitened_only.wait_for_status(painted, "succeeded")
    assert whitened_only.wait_for_status(whitened_only.submit(), "succeeded")  # submitted later
    assert whitened_only.get_job(waiting)["status"] == "queued"
    whitened_only.http.delete(waiting["links"]["self"])
    jobs.client.close()


def test_a_job_goes_to_the_worker_that_has_its_backbone(
    whitened_only: Stack, redis_url: str, vgg16_weights: Path
) -> None:
    environment = {
        "PASTICHE_REDIS_URL": redis_url,
        "PASTICHE_DATA_FOLDER": str(whitened_only.data_folder),
        "PASTICHE_WEIGHTS_FOLDER": str(vgg16_weights.parent),
    }
    command = [sys.executable, "-m", "worker"]
    with running(command, environment):
        until(lambda: len(whitened_only.http.get("/readyz").json()["workers"]) == 2)
        jobs = [whitened_only.submit(backbone="vgg16", iterations=4) for _ in range(3)]
        painted = [whitened_only.wait_for_status(job, "succeeded", "failed") for job in jobs]
    assert [job["status"] for job in painted] == ["succeeded"] * 3
    assert [job["backbone"] for job in painted] == [{"name": "vgg16", "sha256": vgg16.DIGEST}] * 3


def test_a_file_that_arrives_while_a_worker_lives_is_used(
    tmp_path: Path, vgg16_weights: Path
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    with served(tmp_path / "data", PASTICHE_WEIGHTS_FOLDER=str(folder)) as stack:
        assert stack.http.get("/readyz").json()["workers"][0]["backbone"] == "whitened"
        (folder / vgg16_weights.name).symlink_to(vgg16_weights)
        until(lambda: stack.http.get("/readyz").json()["workers"][0]["backbone"] == "vgg16")
        job = stack.wait_for_status(
            stack.submit(backbone="auto", iterations=4), "succeeded", "failed"
        )
    assert job["backbone"]["name"] == "vgg16"
