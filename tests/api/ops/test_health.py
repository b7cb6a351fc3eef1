"""Readiness: whether the service could accept a job, found out with few requests to its stores."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.service import ReadinessCheck, StoreStates
from local.supervisor import free_port
from shared.blob_store import BlobStore
from shared.job_store import AsyncJobStore, JobStore
from shared.settings import Settings
from tests.conftest import RunningApi, running_api, running_redis
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    """A Redis whose limits a test may change."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        store = JobStore.connect(url)
        yield store
        store.client.close()


@pytest.fixture(scope="module")
def own_api(own_redis: JobStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    settings = Settings(
        redis_url=url_of(own_redis),
        data_folder=tmp_path_factory.mktemp("data"),
        port=free_port("127.0.0.1", 0),
    )
    with running_api(settings) as api:
        yield api


def url_of(store: JobStore) -> str:
    return f"unix://{store.client.connection_pool.connection_kwargs['path']}"


def test_a_redis_that_is_full_is_not_ready(own_api: RunningApi, own_redis: JobStore) -> None:
    assert own_api.http.get("/readyz").json()["redis"] == "ok"
    own_redis.client.config_set("maxmemory", 1)
    until(lambda: own_api.http.get("/readyz").status_code == 503)
    assert own_api.http.get("/readyz").json()["redis"] == "cannot be written"
    own_redis.client.config_set("maxmemory", 0)
    until(lambda: own_api.http.get("/readyz").json()["redis"] == "ok")


def test_a_blob_store_that_cannot_be_written_is_not_ready(
    own_api: RunningApi,
) -> None:
    checks: Path = own_api.settings.data_folder / "blobs" / "checks"
    checks.write_bytes(b"a file where a folder belongs")
    until(lambda: own_api.http.get("/readyz").status_code == 503)
    assert own_api.http.get("/readyz").json()["blob_store"] == "cannot be written"
    checks.unlink()
    until(lambda: own_api.http.get("/readyz").is_success)


def test_many_requests_for_readiness_write_once_in_an_interval(
    own_redis: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.FRESH_SECONDS", 60.0)
    own_redis.client.config_resetstat()
    assert asyncio.run(many_checks(url_of(own_redis), tmp_path)) == {StoreStates("ok", "ok")}
    assert own_redis.client.info("commandstats")["cmdstat_set"]["calls"] == 1


async def many_checks(redis_url: str, blobs: Path) -> set[StoreStates]:
    jobs = AsyncJobStore.connect(redis_url)
    check = ReadinessCheck(jobs, BlobStore.open(blobs.as_uri()))
    answers = await asyncio.gather(*(check.check() for _ in range(50)))
    await jobs.close()
    return set(answers)


def test_readiness_leaves_nothing_behind(own_api: RunningApi, own_redis: JobStore) -> None:
    own_api.http.get("/readyz")
    until(lambda: not own_redis.client.exists("api:readiness"))
    assert own_api.blobs == []
