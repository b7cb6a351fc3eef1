"""`pastiche watch`, `get`, `list`, `cancel`, `delete` and `doctor`."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from local.supervisor import free_port
from shared.errors import FAILURES
from shared.job_store import JobStore
from tests.api.jobs.test_finishing import send_heartbeat, start_with_preview
from tests.api.worker import PlayedWorker, png, submitted
from tests.cli.command import PLAIN, Shell, url_of
from tests.cli.terminal import Terminal
from tests.client.fake_servers import http, responding
from tests.conftest import RunningApi
from tests.waiting import TIMEOUT_SECONDS, until

pytestmark = pytest.mark.slow


def test_a_job_is_shown_watched_and_fetched(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    job_id = submitted(api)["id"]
    worker = PlayedWorker.of({"id": job_id}, jobs, api)
    worker.report_progress(126)
    assert b"running" in shell.run("get", job_id).out
    early = shell.run("get", job_id, "-o", "early.png")
    assert (early.code, early.err) == (
        3,
        "The job is running; its picture comes when it has succeeded.\n",
    )
    watching = shell.start("watch", job_id, "--json", "-o", "out.webp")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["event"] == "status"
    assert json.loads(watching.stdout.readline())["progress"]["iteration"] == 126
    worker.commit(png(40, 30))
    out, _ = watching.communicate(timeout=TIMEOUT_SECONDS)
    assert json.loads(out.splitlines()[-1])["job"]["status"] == "succeeded"
    with Image.open(folder / "out.webp") as picture:
        assert (picture.format, picture.size) == ("WEBP", (40, 30))
    assert b"painted" in shell.run("get", job_id).out


def test_a_watched_job_that_is_canceled_ends_with_1(shell: Shell, api: RunningApi) -> None:
    job_id = submitted(api)["id"]
    assert shell.run("cancel", job_id).out.decode() == f"{job_id} canceled\n"
    ended = shell.run("watch", job_id)
    assert (ended.code, ended.err) == (1, "The job was canceled.\n")


def test_the_picture_of_a_job_that_is_finished_early_is_saved(
    shell: Shell, api: RunningApi, jobs: JobStore, tmp_path: Path
) -> None:
    job, worker = start_with_preview(api, jobs)
    worker.stop()
    target = tmp_path / "picture.png"
    ended = shell.run("finish", job["id"], "-o", str(target))
    assert (ended.code, target.read_bytes()[1:4]) == (0, b"PNG")


def test_a_job_cannot_be_both_canceled_and_finished(
    shell: Shell, api: RunningApi, jobs: JobStore
) -> None:
    canceled, finished = (start_with_preview(api, jobs)[0]["id"] for _ in range(2))
    shell.run("cancel", canceled)
    late = shell.run("finish", canceled, "-o", "picture.png")
    assert (late.code, late.out) == (3, b"")
    assert late.err.startswith("The job is about to be canceled; ")
    api.http.post(f"/jobs/{finished}/finish")
    late = shell.run("cancel", finished)
    assert (late.code, late.out) == (3, b"")
    assert late.err.startswith("The job is about to succeed after a request to finish. ")


def test_finishing_a_job_that_fails_reports_the_failure(
    shell: Shell, api: RunningApi, jobs: JobStore, tmp_path: Path
) -> None:
    job, worker = start_with_preview(api, jobs)
    finishing = shell.start("finish", job["id"], "-o", str(tmp_path / "picture.png"))
    until(lambda: send_heartbeat(worker) == "finish")
    worker.fail()
    _, err = finishing.communicate(timeout=TIMEOUT_SECONDS)
    assert (finishing.returncode, err.decode()) == (1, f"{FAILURES['out_of_memory']}\n")


def test_jobs_are_listed_for_people_and_for_scripts(shell: Shell, api: RunningApi) -> None:
    newest_first = [submitted(api)["id"] for _ in range(3)][::-1]
    lines = shell.run("list").out.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["id", *newest_first]
    some = shell.run("list", "--json", "--limit", "2").out.splitlines()
    assert [json.loads(line)["id"] for line in some] == newest_first[:2]


def test_rows_do_not_wrap_in_a_pipe(shell: Shell, api: RunningApi, jobs: JobStore) -> None:
    job_id = submitted(api)["id"]
    PlayedWorker.of({"id": job_id}, jobs, api).fail()
    for command in (("list",), ("get", job_id)):
        head, row = shell.run(*command, COLUMNS="40").out.decode().splitlines()
        assert head.split() == ["id", "status", "done", "size", "submitted", "details"]
        assert row.endswith(FAILURES["out_of_memory"])
        assert row.index("failed") == head.index("status")


@pytest.fixture
def browser(folder: Path) -> Path:
    """A program that writes the address that it should open to a file."""
    program = folder / "browser"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {folder}/opened\n')
    program.chmod(0o755)
    return program


def test_a_job_is_opened_in_the_browser(
    shell: Shell, folder: Path, api: RunningApi, browser: Path
) -> None:
    job_id = submitted(api)["id"]
    ended = shell.run("open", job_id, BROWSER=str(browser))
    assert ended.code == 0, ended.err
    assert ended.out.decode() == f"{shell.url.rstrip('/')}/#job={job_id}\n"
    assert (folder / "opened").read_text() == ended.out.decode().strip()


def test_the_picture_of_a_job_is_opened(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore, browser: Path
) -> None:
    job_id = submitted(api)["id"]
    early = shell.run("open", job_id, "--picture", BROWSER=str(browser))
    assert (early.code, early.out) == (3, b"")
    PlayedWorker.of({"id": job_id}, jobs, api).commit(png(40, 30))
    ended = shell.run("open", job_id, "--picture", BROWSER=str(browser), TMPDIR=str(folder))
    assert ended.code == 0, ended.err
    path = Path((folder / "opened").read_text().removeprefix("file://"))
    assert path.is_relative_to(folder)
    with Image.open(path) as picture:
        assert picture.size == (40, 30)


def test_a_picture_is_saved_through_a_link_and_into_a_pipe(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "album").mkdir()
    (folder / "album" / "mine.png").write_bytes(b"earlier")
    (folder / "link.png").symlink_to("album/mine.png")
    os.mkfifo(folder / "pipe.png")
    job_id = submitted(api)["id"]
    PlayedWorker.of({"id": job_id}, jobs, api).commit()
    assert shell.run("get", job_id, "-o", "link.png").code == 0
    assert (folder / "link.png").is_symlink()
    assert (folder / "album" / "mine.png").read_bytes() == png()
    getting = shell.start("get", job_id, "-o", "pipe.png")
    assert (folder / "pipe.png").read_bytes() == png()
    getting.communicate(timeout=TIMEOUT_SECONDS)
    assert (folder / "pipe.png").is_fifo()
    to_stdout = shell.run("get", job_id, "-o", "/dev/stdout", "--format", "png")
    assert to_stdout.out == png()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link.png"])
def test_a_picture_is_appended_to_the_file_behind_standard_output(
    name: str, shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "link.png").symlink_to("/dev/stdout")
    log = folder / "log"
    log.write_bytes(b"earlier ")
    job_id = submitted(api)["id"]
    PlayedWorker.of({"id": job_id}, jobs, api).commit()
    with log.open("ab") as out:
        ended = replace(shell, stdout=out.fileno()).run(
            "get", job_id, "-o", name, "--format", "png"
        )
        out.write(b" later")
    assert ended.code == 0, ended.err
    assert log.read_bytes() == b"earlier " + png() + b" later"


def test_jobs_are_deleted_and_missing_ones_reported(shell: Shell, api: RunningApi) -> None:
    ids = [submitted(api)["id"] for _ in range(2)]
    ended = shell.run("delete", ids[0], "0" * 32, ids[1])
    assert ended.code == 3
    assert f"There is no job '{'0' * 32}'" in ended.err
    assert api.http.get("/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("answer", "code", "status"), [(b"y", 0, 404), (b"n", 1, 200), (b"", 1, 200)]
)
def test_a_deletion_is_confirmed_in_a_terminal(
    shell: Shell, api: RunningApi, answer: bytes, code: int, status: int
) -> None:
    job = submitted(api)
    terminal = Terminal(is_read=True)
    deleting = terminal.start(shell, "delete", job["id"])
    terminal.read_until(f"Delete job {job['id']} with its pictures? [y/N] ".encode())
    terminal.type(answer + b"\n")
    terminal.read_to_end()
    deleting.communicate(timeout=TIMEOUT_SECONDS)
    assert deleting.returncode == code
    assert api.http.get(job["links"]["self"]).status_code == status


@pytest.mark.parametrize("flag", ["--yes", "-y", "--force", "-f"])
def test_a_deletion_that_is_confirmed_by_a_flag_asks_nothing(
    shell: Shell, api: RunningApi, flag: str
) -> None:
    job = submitted(api)
    terminal = Terminal(is_read=True)
    deleting = terminal.start(shell, "delete", job["id"], flag)
    assert terminal.read_to_end() == b""
    deleting.communicate(timeout=TIMEOUT_SECONDS)
    assert deleting.returncode == 0
    assert api.http.get(job["links"]["self"]).status_code == 404


def test_an_unreachable_service_is_reported(shell: Shell) -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    ended = shell.run("list", "--url", url)
    assert ended.code == 5
    assert ended.err.splitlines()[0].startswith(f"{url} cannot be reached")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("body", [b"<html>\x1b[2J</html>", b"\xff\xfe", b"{}"])
def test_a_server_that_is_not_pastiche_is_reported_in_one_sentence(
    shell: Shell, body: bytes
) -> None:
    with responding(http("200 OK", "text/\x1b[2Jhtml", body)) as url:
        ended = shell.run("list", "--url", url)
    assert ended.code == 6
    assert ended.err.startswith(f"The server at {url} is not a Pastiche service")
    assert ended.err.count("\n") == 1
    assert "\x1b" not in ended.err


def test_an_invalid_address_is_reported(shell: Shell) -> None:
    ended = shell.run("list", PASTICHE_URL="here")
    assert (ended.code, ended.out) == (2, b"")
    assert "'here' is not the address of a service" in ended.err


def test_an_invalid_proxy_is_reported(shell: Shell) -> None:
    ended = shell.run("list", ALL_PROXY="gopher://127.0.0.1:9", NO_PROXY="")
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err.startswith("The proxy of the environment cannot be used: ")
    assert "Traceback" not in ended.err


def run_redirected(shell: Shell, redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with a redirection of `sh`, such as `>&-`."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m pastiche "$@" {redirection}', sys.executable, *words],
        cwd=shell.folder,
        env=os.environ
        | PLAIN
        | {"PYTHONPATH": str(Path(__file__).parents[2]), "PASTICHE_URL": shell.url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "err"),
    [
        ("<&-", "Standard input is closed.\n"),
        ("0>out.png", "Standard input cannot be read: Bad file descriptor.\n"),
    ],
)
def test_a_standard_input_that_cannot_be_read_is_reported(
    redirection: str, err: str, shell: Shell
) -> None:
    ended = run_redirected(shell, redirection, "paint", "-", "-s", "wave.png")
    assert (ended.returncode, ended.stderr) == (4, err)


def test_a_deletion_is_not_confirmed_if_standard_input_is_closed(
    shell: Shell, api: RunningApi
) -> None:
    job = submitted(api)
    ended = run_redirected(shell, "<&-", "delete", job["id"])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert api.http.get(job["links"]["self"]).status_code == 404


def test_a_closed_standard_output_is_reported(shell: Shell, api: RunningApi) -> None:
    submitted(api)
    with shell.start("list", "--json") as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        err = listing.stderr.read().decode()
    assert (listing.returncode, err) == (4, "Standard output cannot be written: Broken pipe.\n")


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "me.jpg", "-s", "wave.png"),
        ("sweep", "me.jpg", "-s", "wave.png", "--seed", "1,2", "--json"),
        ("paint", "me.jpg", "-s", "wave.png", "-o", "-"),
        ("list",),
    ],
    ids=lambda words: words[0],
)
def test_without_a_standard_output_nothing_is_submitted(
    words: tuple[str, ...], shell: Shell, api: RunningApi
) -> None:
    ended = run_redirected(shell, ">&-", *words)
    assert (ended.returncode, ended.stderr) == (4, "Standard output is closed.\n")
    assert api.http.get("/jobs").json()["jobs"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no full device.")
def test_a_full_disk_is_reported_and_the_id_of_a_job_is_not_lost(
    shell: Shell, api: RunningApi
) -> None:
    with open("/dev/full", "wb") as full:
        into_full = replace(shell, stdout=full.fileno())
        for words in (("submit", "me.jpg", "-s", "wave.png"), ("list",)):
            lines = into_full.run(*words).err.splitlines()
            assert lines[-1] == "Standard output cannot be written: No space left on device."
            if words[0] == "submit":
                (job,) = api.http.get("/jobs").json()["jobs"]
                assert lines[:-1] == [f"The job is submitted: {job['id']}"]


@pytest.mark.parametrize(("has_service", "code"), [(True, 1), (False, 5)])
def test_the_doctor_fails_where_nothing_can_paint(
    folder: Path, api: RunningApi, has_service: bool, code: int
) -> None:
    """There is no engine, and either no service or one without workers."""
    (folder / "torch.py").write_text("raise ImportError('not installed')")
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', 0)}"
    path = f"{folder}{os.pathsep}{Path(__file__).parents[2]}"
    url = url_of(api) if has_service else nowhere
    ended = subprocess.run(
        [sys.executable, "-m", "pastiche", "doctor"],
        env=os.environ | PLAIN | {"PYTHONPATH": path, "PASTICHE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert "Engine    not installed" in ended.stdout


def test_the_doctor_describes_the_machine_and_the_service(shell: Shell) -> None:
    err = json.loads(shell.run("doctor", "--json").out)
    assert err["service"]["status"] == "ready"
    assert err["machine"]["engine"]["precision"] in ("float32", "bfloat16")
    assert any("No worker is running" in words for words in err["advice"])
