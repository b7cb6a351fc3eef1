"""A Redis that cannot be used is refused at start, and one that may lose jobs is warned of."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from local.supervisor import free_port
from shared.redis_checks import INFO_REFUSED
from shared.settings import Settings
from tests.conftest import RunningApi, running_api
from tests.redis.servers import LOCALHOST, running_server
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("module", ["api", "worker", "worker.reconciler"])
def test_no_process_starts_on_a_cluster(module: str, tmp_path: Path) -> None:
    with running_server(tmp_path, "--cluster-enabled", "yes") as port:
        started = subprocess.run(
            [sys.executable, "-m", module],
            env=os.environ | {"PASTICHE_REDIS_URL": f"redis://{LOCALHOST}:{port}"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert started.returncode == 1
    assert "Redis Cluster cannot be used: each change of a job is one script" in started.stderr


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a Redis whose configuration a test may change."""
    with running_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture(scope="module")
def api(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    settings = Settings(
        redis_url=f"redis://{LOCALHOST}:{port}",
        data_folder=tmp_path_factory.mktemp("data"),
        port=free_port(LOCALHOST, 0),
    )
    with running_api(settings) as running:
        yield running


@pytest.fixture
def server(port: int) -> Iterator[redis.Redis]:
    """With the configuration as it was, at the end."""
    with redis.Redis(LOCALHOST, port) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        client.acl_setuser("default", enabled=True, nopass=True, categories=["+@all"])


def warned(api: RunningApi, words: str) -> bool:
    response = api.http.get("/readyz")
    assert response.is_success
    return any(words in warning for warning in response.json()["warnings"])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("maxmemory-policy", "volatile-lru", "evicts keys when its memory is full"),
        ("appendonly", "no", "no append-only file"),
    ],
)
def test_the_api_warns_of_a_redis_that_may_lose_jobs(
    name: str, value: str, words: str, api: RunningApi, server: redis.Redis
) -> None:
    until(lambda: api.http.get("/readyz").json()["warnings"] == [])
    server.config_set(name, value)
    until(lambda: warned(api, words))


def test_the_api_warns_where_it_may_not_know(api: RunningApi, server: redis.Redis) -> None:
    server.acl_setuser("default", enabled=True, nopass=True, commands=["-info"])
    until(lambda: warned(api, INFO_REFUSED))
