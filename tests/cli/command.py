"""`pastiche` as a user runs it: a process of its own."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import RunningApi

PLAIN = {"COLUMNS": "200", "TERM": "dumb", "PASTICHE_KEY": "", "PASTICHE_URL": ""}
"""Each test that is about it says what a terminal would change in the output."""


@dataclass(frozen=True)
class Shell:
    """Runs the command in a folder, for a service."""

    folder: Path
    url: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, *arguments: str, stderr: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[bytes]:
        """The process, which is not waited for."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pastiche", *arguments],
            cwd=self.folder,
            env=os.environ | PLAIN | {"PASTICHE_URL": self.url} | environment | _PATH,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=_hear_ctrl_c,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, **environment: str) -> "Ended":
        """What came of it."""
        with self.start(*arguments, stderr=subprocess.PIPE, **environment) as process:
            out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err.decode())

    def end(self) -> None:
        """Ends whatever still runs: a test may have failed in the middle."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()


_PATH = {"PYTHONPATH": str(Path(__file__).parents[2])}


@dataclass(frozen=True)
class Ended:
    """How it ended, and what it said."""

    code: int
    out: bytes
    err: str


def url_of(api: RunningApi) -> str:
    """Where an API process is."""
    return str(api.http.base_url)


def _hear_ctrl_c() -> None:
    """As at a terminal: what a shell starts in the background is deaf to it, and so are these tests
    where they run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
