"""`GET /workers`: the list of workers that paint jobs."""

import json

import pytest

from api import keys
from shared.job_store import JobStore
from shared.workers import Worker, register_worker
from tests.api.conftest import Start
from tests.conftest import RunningApi

GIB = 2**30

H100 = Worker(
    "gpu-host-1234",
    "vgg19",
    "NVIDIA H100",
    64_000_000,
    rate=12_500_000.0,
    memory_bytes=GIB,
    backbones=("vgg19", "whitened"),
    free_bytes=70 * GIB,
    computed_in="bfloat16",
    device_bytes=80 * GIB,
    is_painting=True,
    started_at=1_000_000_000.5,
)


def test_without_a_worker_the_list_is_empty(api: RunningApi) -> None:
    assert api.http.get("/workers").json() == {"workers": []}


def test_a_worker_is_listed_with_what_it_announced_but_without_its_host(
    api: RunningApi, jobs: JobStore
) -> None:
    jobs.run(register_worker(H100, ttl_seconds=60))
    response = api.http.get("/workers")
    assert response.json() == {
        "workers": [
            {
                "device": "NVIDIA H100",
                "device_memory_bytes": 80 * GIB,
                "precision": "bfloat16",
                "backbone": "vgg19",
                "backbones": ["vgg19", "whitened"],
                "most_pixels": 64_000_000,
                "megapixel_iterations_per_second": 12.5,
                "is_painting": True,
                "started_at": "2001-09-09T01:46:40.500000Z",
            }
        ]
    }
    assert "gpu-host" not in response.text


def test_what_a_worker_of_an_older_version_does_not_report_is_null(
    api: RunningApi, jobs: JobStore
) -> None:
    reported = {"name": "one-1", "backbone": "vgg16", "device": "CPU", "most_pixels": 10**6}
    jobs.client.hset("{workers}:about", "one-1", json.dumps(reported))
    jobs.client.zadd("{workers}:seen", {"one-1": "inf"})
    (worker,) = api.http.get("/workers").json()["workers"]
    unknown = {name for name, value in worker.items() if value is None}
    rate = "megapixel_iterations_per_second"
    assert unknown == {"device_memory_bytes", rate, "is_painting", "started_at"}


def test_a_worker_that_has_ended_is_not_listed(api: RunningApi, jobs: JobStore) -> None:
    jobs.run(register_worker(H100, ttl_seconds=60))
    jobs.run(register_worker(H100, ttl_seconds=0))
    assert api.http.get("/workers").json() == {"workers": []}


@pytest.mark.slow
def test_where_keys_are_required_workers_are_listed_with_one(jobs: JobStore, start: Start) -> None:
    with start(PASTICHE_KEYS_REQUIRED="true") as guarded:
        refused = guarded.http.get("/workers")
        assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")
        headers = {"Authorization": f"Bearer {keys.create(jobs.client, 'ada')}"}
        assert guarded.http.get("/workers", headers=headers).json() == {"workers": []}
