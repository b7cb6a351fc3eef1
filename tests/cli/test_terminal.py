"""What a terminal shows: bars, pictures and completions."""

import base64
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pastiche.cli.bars import format_duration
from pastiche.cli.console import detect_protocol
from shared.blob_store import encoded_key, result_key
from shared.job_store import JobStore
from tests import pictures
from tests.api.worker import PlayedWorker, png, submitted
from tests.cli.command import PLAIN, Shell
from tests.cli.terminal import Terminal
from tests.conftest import RunningApi
from tests.waiting import TIMEOUT_SECONDS, until

pytestmark = pytest.mark.slow

TERMINALS = {
    "kitty": {"TERM": "xterm-kitty"},
    "iterm": {"TERM_PROGRAM": "iTerm.app"},
}


def claimed(api: RunningApi, jobs: JobStore, count: int = 1) -> list[PlayedWorker]:
    """Waits for this number of submitted jobs, and returns workers that have claimed them."""

    def look() -> list[dict[str, Any]]:
        found = api.http.get("/jobs").json()["jobs"]
        return found if len(found) == count else []

    return [PlayedWorker.of(job, jobs, api) for job in until(look)]


def test_a_bar_shows_progress_losses_and_time_left(
    shell: Shell, api: RunningApi, jobs: JobStore
) -> None:
    worker = PlayedWorker.of(submitted(api), jobs, api)
    worker.report_progress(126)
    terminal = Terminal()
    watching = terminal.start(shell, "watch", worker.job_id)
    terminal.read_until(b"126/300")
    worker.commit()
    shown = terminal.read_to_end()
    watching.communicate(timeout=TIMEOUT_SECONDS)
    assert b"scale 2/3  content 1  style 2  tv 0.5" in shown
    assert b"10 s left" in shown
    assert watching.returncode == 0


def test_a_bar_fits_80_columns(shell: Shell, api: RunningApi, jobs: JobStore) -> None:
    worker = PlayedWorker.of(submitted(api), jobs, api)
    worker.report_progress(126)
    terminal = Terminal()
    watching = terminal.start(shell, "watch", worker.job_id, COLUMNS="80")
    terminal.read_until(b" left")
    (row,) = {each.rstrip() for each in terminal.rows() if "126/300" in each}
    worker.commit()
    terminal.read_to_end()
    watching.communicate(timeout=TIMEOUT_SECONDS)
    assert row.endswith("126/300 scale 2/3  10 s left")
    assert len(row) <= 80


def test_errors_of_a_batch_stay_on_the_screen(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    (folder / "scan.gif").write_bytes(b"GIF89a")
    terminal = Terminal()
    painting = terminal.start(shell, "paint", "scan.gif", "me.jpg", "-s", "wave.png", "-o", "out")
    (worker,) = claimed(api, jobs)
    worker.report_progress(126)
    terminal.read_until(b"126/300")
    worker.commit()
    terminal.read_to_end()
    painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 4
    assert [row for row in terminal.rows() if row.startswith("scan.gif is a GIF")]


def test_nothing_is_coloured_with_no_color(shell: Shell) -> None:
    def shown(**environment: str) -> bytes:
        ours, theirs = os.openpty()
        asking = shell.start("nonsense", stderr=theirs, TERM="xterm-256color", **environment)
        os.close(theirs)
        asking.communicate(timeout=TIMEOUT_SECONDS)
        error = os.read(ours, 10_000)
        os.close(ours)
        return error

    a_colour = rb"\x1b\[(?:\d+;)*3\d(?:;\d+)*m"
    assert re.search(a_colour, shown())
    assert not re.search(a_colour, shown(NO_COLOR="1"))


@pytest.mark.parametrize("kind", TERMINALS)
def test_a_picture_is_shown_if_the_terminal_can(
    shell: Shell, api: RunningApi, jobs: JobStore, kind: str
) -> None:
    job_id = submitted(api)["id"]
    PlayedWorker.of({"id": job_id}, jobs, api).commit(png())
    shown = shell.run("get", job_id, "--preview", **TERMINALS[kind])
    begins = {"kitty": "\x1b_Ga=T,f=100,", "iterm": "\x1b]1337;File=inline=1;"}[kind]
    assert begins in shown.err
    assert base64.b64encode(png()).decode()[:200] in shown.err
    assert "\x1b" not in shell.run("get", job_id, "--no-preview", **TERMINALS[kind]).err
    assert "\x1b" not in shell.run("get", job_id, **TERMINALS[kind]).err


@pytest.mark.parametrize("kind", TERMINALS)
def test_the_pictures_of_a_batch_are_shown_while_there_are_bars(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore, kind: str
) -> None:
    (folder / "you.jpg").write_bytes(pictures.jpeg())
    terminal = Terminal()
    batch = ("paint", "me.jpg", "you.jpg", "-s", "wave.png", "-o", "out")
    painting = terminal.start(shell, *batch, **TERMINALS[kind])
    first, second = claimed(api, jobs, count=2)
    second.report_progress(126)
    terminal.read_until(b"126/300")
    first.commit(png(40, 30))
    begins = {"kitty": "\x1b_Ga=T,f=100,", "iterm": "\x1b]1337;File=inline=1;"}[kind].encode()
    terminal.read_until(begins)
    second.commit(png(30, 40))
    shown = terminal.read_to_end()
    painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 0
    assert shown.count(begins) == 2
    for picture in (png(40, 30), png(30, 40)):
        assert base64.b64encode(picture)[:200] in shown


def test_a_picture_that_is_saved_but_cannot_be_shown_is_no_failure(
    shell: Shell, folder: Path, api: RunningApi, jobs: JobStore
) -> None:
    command = ("paint", "me.jpg", "-s", "wave.png", "-o", "out.jpg", "--preview")
    painting = shell.start(*command, TERM="xterm-kitty")
    (worker,) = claimed(api, jobs)
    jpeg = encoded_key(result_key(worker.job_id, worker.fence), "jpeg")
    worker.blobs.put(jpeg, pictures.jpeg())
    worker.commit_stored()  # the PNG file, which the terminal needs, is lost
    _, err = painting.communicate(timeout=TIMEOUT_SECONDS)
    assert painting.returncode == 0
    saved, not_shown = err.decode().splitlines()
    assert saved == "me.jpg is painted: out.jpg"
    assert not_shown.startswith("The picture cannot be shown: ")
    assert (folder / "out.jpg").read_bytes() == pictures.jpeg()


def test_no_picture_is_sent_to_a_terminal_that_cannot_show_it(
    shell: Shell, api: RunningApi, jobs: JobStore
) -> None:
    job_id = submitted(api)["id"]
    PlayedWorker.of({"id": job_id}, jobs, api).commit(png())
    ended = shell.run("get", job_id, "--preview")
    assert ended.err == "This terminal is not known to show pictures.\n"
    assert detect_protocol({"TERM": "tmux-256color", "TERM_PROGRAM": "iTerm.app"}) is None


def test_help_is_shown_in_an_encoding_without_its_characters() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pastiche", "paint", "--help"],
        env=os.environ | PLAIN | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"--style-weight" in ended.stdout


def test_the_shell_completes_commands_and_flags() -> None:
    for words, found in (("pastiche pa", "paint"), ("pastiche paint --style-w", "--style-weight")):
        ended = subprocess.run(
            [sys.executable, "-m", "pastiche"],
            env={
                "_PASTICHE_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert found in ended.stdout.split()


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    module, _, name = project["project"]["scripts"]["pastiche"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_durations_are_formatted_for_people() -> None:
    assert [format_duration(each) for each in (8.6, 65, 7384)] == ["9 s", "1:05", "2:03:04"]
