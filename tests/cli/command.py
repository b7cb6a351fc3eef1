"""Runs `pastiche` as a user does, in a separate process."""

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
"""Variables that change the output. Tests that are about them set them."""


@dataclass(frozen=True)
class Shell:
    """Runs the command in a folder, with the address of a service."""

    folder: Path
    url: str
    stdin: int = subprocess.PIPE
    stdout: int = subprocess.PIPE
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, *arguments: str, stderr: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Starts a process, without waiting for it."""
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
        """Runs the command to its end."""
        with self.start(*arguments, stderr=subprocess.PIPE, **environment) as process:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        return Ended(process.returncode, out, err.decode())

    def end(self) -> None:
        """Ends processes that still run, because a test may have failed early."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()


_LIBC = ctypes.CDLL(None)
_PR_SET_SECUREBITS = 28
_SECBIT_NOROOT = 1
"""Drops root's privileges in the programs that this process starts."""

_PATH = {"PYTHONPATH": str(Path(__file__).parents[2])}


@dataclass(frozen=True)
class Ended:
    """The exit code and the output of a command."""

    code: int
    out: bytes
    err: str


def url_of(api: RunningApi) -> str:
    """The address of an API process."""
    return str(api.http.base_url)


def _prepare() -> None:
    """Prepares the process as for a user at a terminal: it reacts to Ctrl-C, unlike a shell's
    background process, and cannot write to write-protected files, unlike root's."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux" and os.getuid() == 0:
        _LIBC.prctl(_PR_SET_SECUREBITS, _SECBIT_NOROOT, 0, 0, 0)
