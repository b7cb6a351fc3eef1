"""The service on one machine: how it starts, stops and restarts, and what it does about errors."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import LocalError
from local import data_folder as data_folders
from local.data_folder import opened
from local.redis_server import socket_for
from local.supervisor import free_port
from tests.processes import list_children, read_command
from tests.stack import Stack, nothing_runs_on, served
from tests.waiting import until

pytestmark = pytest.mark.slow


def command(data_folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m local …`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "local", *words],
        env=os.environ | {"PASTICHE_DATA_FOLDER": str(data_folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_jobs_and_pictures_survive_a_restart_and_a_running_job_continues(tmp_path: Path) -> None:
    with served(tmp_path) as stack:
        done = stack.wait_for_status(stack.submit(), "succeeded")
        picture = stack.http.get(done["links"]["result"]).content
        cut_off = stack.submit(iterations=300)
        until(lambda: stack.get_job(cut_off)["iteration"] > 1)
    assert stack.process.returncode == 0
    assert nothing_runs_on(tmp_path)
    with served(tmp_path) as stack:
        assert stack.get_job(done)["status"] == "succeeded"
        assert stack.http.get(done["links"]["result"]).content == picture
        assert stack.wait_for_status(cut_off, "succeeded")["attempt"] == 2
    log = (tmp_path / "logs" / "worker.log").read_text()
    assert f"Job {cut_off['id']}: resumes from iteration" in log


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP])  # SIGTERM ends every other one
def test_it_stops_cleanly(how: signal.Signals, tmp_path: Path) -> None:
    with served(tmp_path) as stack:
        stack.process.send_signal(how)
        assert stack.process.wait(60) == 0
    assert nothing_runs_on(tmp_path)


def test_it_outlives_its_terminal_under_nohup(tmp_path: Path) -> None:
    with served(tmp_path, [signal.SIGHUP]) as stack:
        stack.process.send_signal(signal.SIGHUP)
        job = stack.wait_for_status(stack.submit(iterations=5), "succeeded")
        assert stack.get_job(job)["status"] == "succeeded"
        assert stack.process.poll() is None


def part_of(stack: Stack, module: str) -> int:
    """The process of the service that runs this module."""
    for child in list_children(stack.process.pid):
        if module in read_command(child):
            return child
    raise AssertionError(f"No part of the service runs {module}.")


def test_a_part_that_dies_stops_the_rest_and_is_named(tmp_path: Path) -> None:
    with served(tmp_path) as stack:
        os.kill(part_of(stack, "worker"), signal.SIGKILL)
        assert stack.process.wait(60) == 1
        assert stack.process.stdout is not None
        assert "The worker exited unexpectedly" in stack.process.stdout.read()
    until(lambda: nothing_runs_on(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems tell no child of it.")
def test_killing_the_supervisor_ends_all_parts_and_the_next_one_deletes_its_socket(
    tmp_path: Path,
) -> None:
    with socket_for(tmp_path) as path:
        pass
    with served(tmp_path) as stack:
        stack.wait_for_status(stack.submit(iterations=10_000), "running")
        stack.process.kill()
        stack.process.wait()
        until(lambda: nothing_runs_on(tmp_path), timeout_seconds=20)
    assert path.is_socket()
    with socket_for(tmp_path) as again:
        assert again == path
        assert [*path.parent.iterdir()] == []
    assert not path.parent.exists()


def test_a_redis_of_another_program_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path,
) -> None:
    address = f"127.0.0.1:{free_port('127.0.0.1', 0)}/0"
    ended = command(tmp_path, "serve", PASTICHE_REDIS_URL=f"redis://artist:secret@{address}")
    assert ended.returncode == 1
    assert f"Redis at redis://{address} cannot be used: " in ended.stderr
    assert "Connection refused" in ended.stderr
    assert "secret" not in ended.stderr
    assert nothing_runs_on(tmp_path)


def test_a_redis_listens_for_a_data_folder_with_a_long_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 100)))
    long = tmp_path / ("d" * 200)
    with socket_for(long) as first, socket_for(tmp_path / "other") as other:
        assert first != other
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(first))
            assert first.parent.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_of_another_user_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket_for(tmp_path) as ours:
        folder = ours.parent
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(LocalError, match="another user"), socket_for(tmp_path):
        pass


def test_the_service_that_uses_a_folder_is_named(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(LocalError, match=rf"\(process {os.getpid()}\) uses"):
        opened(tmp_path).__enter__()


def test_processes_left_by_a_killed_service_are_named(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with opened(tmp_path) as data:
        os.ftruncate(data.lock, 0)
        os.lseek(data.lock, 0, os.SEEK_SET)
        for process_id in (ended.pid, os.getpid()):
            data.add_process(process_id)
        with pytest.raises(LocalError, match=rf"killed Pastiche \({os.getpid()}\) still use"):
            opened(tmp_path).__enter__()


def test_the_processes_of_the_last_service_are_forgotten(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_port_in_use_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = command(tmp_path, "serve", PASTICHE_PORT=str(port))
    assert ended.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in ended.stderr
    assert not any((tmp_path / "logs").iterdir())


def test_a_second_service_on_a_folder_is_rejected(tmp_path: Path) -> None:
    with opened(tmp_path), socket.create_server(("127.0.0.1", 0)) as its_own:
        ended = command(tmp_path, "serve", PASTICHE_PORT=str(its_own.getsockname()[1]))
    assert ended.returncode == 1
    assert f"Another Pastiche (process {os.getpid()}) uses the data folder" in ended.stderr


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = command(
        tmp_path / "file" / "data", "serve", PASTICHE_PORT=str(free_port("127.0.0.1", 0))
    )
    assert ended.returncode == 1
    assert "cannot be used: Not a directory" in ended.stderr


def test_its_status_is_shown_in_an_encoding_without_its_characters(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ours, theirs = os.openpty()
    ended = subprocess.run(
        [sys.executable, "-m", "local", "serve"],
        env=os.environ
        | {"PYTHONIOENCODING": "latin-1", "TERM": "xterm", "COLUMNS": "80"}
        | {"PASTICHE_DATA_FOLDER": str(tmp_path / "file" / "data")},
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert b"Starting Redis, worker and API ?" in shown
    assert ended.stderr.startswith("The data folder ")


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folders, "ROOM_NEEDED_BYTES", 10**18)
    with pytest.raises(LocalError, match="The disk is full"), opened(tmp_path):
        pass
    assert nothing_runs_on(tmp_path) is False
    monkeypatch.undo()
    assert nothing_runs_on(tmp_path)


def test_an_invalid_setting_is_named(tmp_path: Path) -> None:
    ended = command(tmp_path, "serve", PASTICHE_PORT="many")
    assert ended.returncode == 1
    assert "PASTICHE_PORT is 'many'" in ended.stderr


def test_an_address_of_another_machine_is_reported(tmp_path: Path) -> None:
    ended = command(tmp_path, "serve", PASTICHE_HOST="203.0.113.1")
    assert ended.returncode == 1
    assert "cannot be listened on" in ended.stderr
