"""Which Redis the service on one machine starts, and that the tests start it anywhere."""

from pathlib import Path

import pytest
import redis

from local import LocalError, redis_server
from local.supervisor import free_port
from tests.conftest import running_redis
from tests.redis.servers import LOCALHOST, answers, make_server
from tests.waiting import until


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, said: str) -> str:
    """Installs a server that prints this as its version."""
    server = folder / name
    server.write_text(f"#!/bin/sh\necho '{said}'\n")
    server.chmod(0o755)
    return str(server)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"),
        ("redis-server", "Redis server v=6.2.0 sha=00000000:0 malloc=libc bits=64"),
        ("valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=libc bits=64"),
    ],
)
def test_the_server_on_the_path_is_used(path: Path, name: str, said: str) -> None:
    installed = install(path, name, said)
    assert redis_server.binary() == installed


def test_a_server_on_the_path_that_is_too_old_is_not_used(path: Path) -> None:
    old = install(path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=libc")
    assert redis_server.binary() != old
    newer = install(path, "valkey-server", "Valkey server v=7.2.5 sha=00000000:0 malloc=libc")
    assert redis_server.binary() == newer


def test_a_server_that_is_too_old_is_named_where_there_is_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = install(path, "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=libc")
    monkeypatch.setattr(redis_server, "find_spec", lambda _name: None)
    with pytest.raises(LocalError) as caught:
        redis_server.binary()
    assert str(caught.value).startswith(f"{old} is version 6.0, and 6.2 is needed: ")


@pytest.fixture
def long_path(tmp_path: Path) -> Path:
    """A folder for temporary files as macOS has them: its path is too long for one of a socket."""
    folder = tmp_path / ("d" * redis_server.LONGEST_SOCKET_PATH)
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_the_redis_of_the_tests_listens_for_a_folder_with_a_long_path(long_path: Path) -> None:
    with running_redis(long_path) as url, redis.Redis.from_url(url) as client:
        assert client.ping()


@pytest.mark.slow
def test_several_servers_of_the_tests_run_in_a_folder_with_a_long_path(long_path: Path) -> None:
    ports = [free_port(LOCALHOST, 0) for _ in range(2)]
    servers = [make_server(f"server-{port}", long_path, port) for port in ports]
    try:
        for port, server in zip(ports, servers, strict=True):
            server.start()
            with redis.Redis(LOCALHOST, port) as client:
                until(lambda: answers(client), timeout_seconds=30)
    finally:
        for server in servers:
            server.kill()
