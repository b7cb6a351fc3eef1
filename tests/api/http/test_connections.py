"""Connections that send nothing, and more connections than the limit."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from local.supervisor import free_port
from shared.settings import Settings
from tests.conftest import RunningApi, running_api
from tests.waiting import until


@contextmanager
def api_with(redis_url: str, folder: Path, **environment: str) -> Iterator[tuple[RunningApi, Path]]:
    """An API with these settings, and its log."""
    settings = Settings(redis_url=redis_url, data_folder=folder, port=free_port("127.0.0.1", 0))
    path = folder / "log"
    with path.open("wb") as log, running_api(settings, log, **environment) as api:
        yield api, path


def connected(api: RunningApi) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.settings.port), 30)


def test_a_connection_has_ten_seconds_to_send_a_request(redis_url: str, tmp_path: Path) -> None:
    assert Settings().first_byte_timeout_seconds == 10
    with (
        api_with(redis_url, tmp_path, PASTICHE_FIRST_BYTE_TIMEOUT_SECONDS="0.2") as (api, _),
        connected(api) as silent,
    ):
        assert silent.recv(1) == b""


def test_silent_connections_block_no_others(redis_url: str, tmp_path: Path) -> None:
    with (
        api_with(redis_url, tmp_path, PASTICHE_CONNECTIONS_LIMIT="8") as (api, log),
        ExitStack() as held,
    ):
        silent = [held.enter_context(connected(api)) for _ in range(30)]
        with httpx.Client(base_url=api.http.base_url) as honest:
            assert honest.get("/livez").is_success
        assert silent[0].recv(1) == b""
        assert log.read_text().count("There are 8 connections") == 1


def test_while_every_connection_is_busy_a_new_one_is_refused_with_503(
    redis_url: str, tmp_path: Path
) -> None:
    with (
        api_with(redis_url, tmp_path, PASTICHE_CONNECTIONS_LIMIT="4") as (api, log),
        ExitStack() as held,
    ):
        api.http.close()
        for _ in range(4):
            busy = held.enter_context(connected(api))
            busy.sendall(b"GET /livez HTTP/1.1\r\n")

        def refused() -> bool:
            with connected(api) as late:
                return b'"code":"too_many_connections"' in late.recv(10_000)

        until(refused)
        assert "There are 4 connections" in log.read_text()


def test_three_hundred_idle_connections_fit_a_soft_limit_of_256_files(tmp_path: Path) -> None:
    """The process raises the limit by itself."""
    script = (
        "import resource; _, hard = resource.getrlimit(resource.RLIMIT_NOFILE); "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)); "
        "from api.__main__ import get_connection_limit, raise_file_limit; "
        "raise_file_limit(); "
        "from shared.settings import Settings; print(get_connection_limit(Settings()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert int(result.stdout) == min(hard, 65_536) // 2


def test_an_api_whose_port_is_in_use_says_so_and_ends(redis_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            "PASTICHE_HOST": "127.0.0.1",
            "PASTICHE_PORT": str(taken.getsockname()[1]),
            "PASTICHE_REDIS_URL": redis_url,
            "PASTICHE_DATA_FOLDER": str(tmp_path),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "api"],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode != 0
    assert "address already in use" in ended.stderr
