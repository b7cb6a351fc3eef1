"""`pastiche` as a user runs it: a process of its own."""

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import RunningApi
from tests.waiting import TIMEOUT_SECONDS

PLAIN = {"COLUMNS": "200", "TERM": "dumb", "PASTICHE_KEY": "", "PASTICHE_URL": ""}
"""Each test that is about it says what a terminal would change in the output."""


@dataclass(frozen=True)
class Shell:
    """Runs the command in a folder, for a service."""

    folder: Path
    url: str
    stdin: int = subprocess.PIPE
    stdout: int = subprocess.PIPE
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, *arguments: str, stderr: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[bytes]:
        """The process, which is not waited for."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pastiche", *arguments],
            cwd=self.folder,
            env=os.environ | PLAIN | {"PASTICHE_URL": self.url} | environment | _PATH,
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=stderr,
            preexec_fn=_prepare,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, **environment: str) -> "Ended":
        """What came of it."""
        with self.start(*arguments, stderr=subprocess.PIPE, **environment) as process:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        return Ended(process.returncode, out, err.decode())

    def end(self) -> None:
        """Ends whatever still runs: a test may have failed in the middle."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()


_LIBC = ctypes.CDLL(None)
_PR_SET_SECUREBITS = 28
_SECBIT_NOROOT = 1
"""Root has no rights of its own in the programs that this process starts."""

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


def _prepare() -> None:
    """As a user at a terminal starts it: not deaf to Ctrl-C, as in the background of a shell, and
    without root's right to write what is write-protected."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux" and os.getuid() == 0:
        _LIBC.prctl(_PR_SET_SECUREBITS, _SECBIT_NOROOT, 0, 0, 0)
