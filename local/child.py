"""One process of the service: started with a log file, watched, and never left behind."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import current_thread, main_thread

from local import parent_death
from local.errors import LocalError

_LAST_LINES = 15


class Child:
    """A process in a session of its own, so that Ctrl-C reaches the supervisor alone. It is killed
    with the supervisor, where the system can do that: start it from the main thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        inherited: Sequence[int] = (),
    ) -> None:
        assert current_thread() is main_thread(), (
            "A child is killed with the thread that starts it."
        )
        self.name = name
        self._log = log
        with log.open("ab") as out:
            self._start_of_log = out.tell()
            self._process = subprocess.Popen(
                parent_death.bound(list(command)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
                pass_fds=tuple(inherited),
            )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises LocalError, with the last lines of its log, where the process has ended."""
        status = self._process.poll()
        if status is None:
            return
        lines = self._log.read_bytes()[self._start_of_log :].decode(errors="replace").splitlines()
        tail = "\n".join(f"    {line}" for line in lines[-_LAST_LINES:])
        raise LocalError(
            f"The {self.name} ended by itself with status {status}. Its last words:\n{tail}"
        )

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, patience_seconds: float) -> None:
        """SIGTERM, then SIGKILL to whatever is left of its session."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
