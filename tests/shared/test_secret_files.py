"""Secrets are read from files, and no log and no message contains them."""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from pydantic_settings import SettingsError

from local.supervisor import free_port
from shared.secret_files import file_variable, is_secret
from shared.settings import Settings
from tests.chaos.service import ServiceProcess
from tests.conftest import running, running_api
from tests.local.test_serve import command
from tests.redis.servers import LOCALHOST, make_server
from tests.waiting import until

PASSWORD = "correct-horse-battery"  # noqa: S105 - of a Redis of this test alone
LOSS = re.compile(b"Redis (is unreachable|refused or did not answer)")
"""What a process logs that loses Redis."""

SECRETS = [name for name, field in Settings.model_fields.items() if is_secret(field)]


@pytest.fixture
def secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that PASTICHE_REDIS_URL_FILE names."""
    path = tmp_path / "redis_url"
    path.write_text(f"redis://:{PASSWORD}@host:1/2\n")
    monkeypatch.setenv("PASTICHE_REDIS_URL_FILE", str(path))
    return path


def test_a_secret_is_read_from_its_file_without_the_last_newline(secret_file: Path) -> None:
    assert Settings().redis_location == f"redis://:{PASSWORD}@host:1/2"
    secret_file.write_text("redis://two-newlines\n\n")
    assert Settings().redis_location == "redis://two-newlines\n"


def test_the_file_comes_before_the_name_that_is_read_too(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    assert Settings().redis_location == f"redis://:{PASSWORD}@host:1/2"


def test_an_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL_FILE", "")
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://here")
    assert Settings().redis_location == "redis://here"


def test_an_empty_secret_leaves_the_file(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "")
    assert Settings().redis_location == f"redis://:{PASSWORD}@host:1/2"


def test_a_secret_and_its_file_are_refused_together(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://here")
    with pytest.raises(SettingsError, match="Both PASTICHE_REDIS_URL and PASTICHE_REDIS_URL_FILE"):
        Settings()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\n", "is empty"),
        (b"redis://:\xff@host", "is not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    secret_file: Path, content: bytes | None, reason: str
) -> None:
    secret_file.unlink()
    if content is not None:
        secret_file.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        Settings()
    message = f"PASTICHE_REDIS_URL_FILE names {secret_file}, which {reason}."
    assert str(error.value) == message


def test_only_a_secret_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "port").write_text("1")
    monkeypatch.setenv("PASTICHE_PORT_FILE", str(tmp_path / "port"))
    assert Settings().port == 8000


@pytest.mark.usefixtures("secret_file")
def test_settings_do_not_show_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings()
    with caplog.at_level(logging.INFO):
        logging.getLogger(__name__).info("%s %r", settings, settings.model_dump(mode="json"))
    assert "redis_url" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("name", SECRETS)
def test_the_file_of_every_secret_is_documented(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    assert f"`{file_variable(Settings, name)}`" in description


@dataclass(frozen=True)
class GuardedRedis:
    """A Redis with a password, and its URL with it."""

    part: ServiceProcess
    url: str

    def await_answer(self) -> None:
        """Waits until the server answers."""
        with redis.Redis.from_url(self.url) as client:
            until(lambda: _is_up(client))


def _is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[GuardedRedis]:
    """The URL of a Redis with a password, on a port."""
    port = free_port(LOCALHOST, 0)
    part = make_server("redis", tmp_path, port, "--requirepass", PASSWORD)
    part.start()
    try:
        guarded = GuardedRedis(part, f"redis://:{PASSWORD}@{LOCALHOST}:{port}/0")
        guarded.await_answer()
        yield guarded
    finally:
        part.kill()


@pytest.mark.slow
def test_no_process_logs_the_password_of_redis(
    guarded_redis: GuardedRedis, secret_file: Path, tmp_path: Path
) -> None:
    secret_file.write_text(guarded_redis.url)
    settings = Settings(data_folder=tmp_path / "data", port=free_port("127.0.0.1", 0))
    quiet = {"PASTICHE_LOG_LEVEL": "DEBUG", "PASTICHE_REDIS_URL": ""}
    environment = {"PASTICHE_DATA_FOLDER": str(settings.data_folder)} | quiet
    reconciler, worker = ([sys.executable, "-m", each] for each in ("worker.reconciler", "worker"))
    logs = [tmp_path / f"{name}.log" for name in ("api", "reconciler", "worker")]
    with ExitStack() as opened:
        to_api, to_reconciler, to_worker = (opened.enter_context(log.open("wb")) for log in logs)
        api = opened.enter_context(running_api(settings, to_api, **quiet))
        opened.enter_context(running(reconciler, environment, to_reconciler))
        opened.enter_context(running(worker, environment, to_worker))
        until(lambda: api.http.get("/readyz").json()["workers"])
        sizes = {log: log.stat().st_size for log in logs}
        guarded_redis.part.kill()
        until(lambda: all(LOSS.search(log.read_bytes(), size) for log, size in sizes.items()))
        guarded_redis.part.start()
        until(lambda: api.http.get("/readyz").is_success)
    assert PASSWORD not in "".join(log.read_text() for log in logs)


@pytest.mark.slow
def test_a_service_on_one_machine_uses_the_file_and_does_not_print_the_password(
    guarded_redis: GuardedRedis, secret_file: Path, tmp_path: Path
) -> None:
    secret_file.write_text(f"{guarded_redis.url}\n")
    environment = {
        "PASTICHE_REDIS_URL_FILE": str(secret_file),
        "PASTICHE_PORT": str(free_port("127.0.0.1", 0)),
    }
    size = ["--size", "64", "--output", str(tmp_path / "demo.png")]
    done = command(tmp_path / "data", "demo", *size, **environment)
    assert done.returncode == 0, done.stderr
    logs = "".join(path.read_text() for path in (tmp_path / "data" / "logs").iterdir())
    assert PASSWORD not in done.stdout + done.stderr + logs


def test_a_missing_file_is_one_sentence_on_the_console(tmp_path: Path) -> None:
    refused = command(tmp_path, "serve", PASTICHE_REDIS_URL_FILE=str(tmp_path / "none"))
    assert refused.returncode == 1
    sentence = f"PASTICHE_REDIS_URL_FILE names {tmp_path}/none, which cannot be read:"
    assert refused.stderr.startswith(sentence)


@pytest.mark.parametrize("module", ["api", "worker", "worker.reconciler", "worker.health"])
def test_every_process_names_a_missing_file(module: str, tmp_path: Path) -> None:
    environment = {"PATH": "", "PASTICHE_REDIS_URL_FILE": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-m", module], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "PASTICHE_REDIS_URL_FILE names" in done.stderr.splitlines()[-1]
