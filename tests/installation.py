"""Runs what installs a program that the tests need, as a step of the set-up."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSTALL_SECONDS = 600.0


def run_step(log: Path, title: str, command: list[str], folder: Path = ROOT) -> None:
    """Runs a command, and ends it with all that it has started if it takes too long.

    Args:
        log: the file for what it prints.
        title: what is printed.
    """
    with subprocess.Popen(
        [ROOT / "requirements" / "step", log, title, *command],
        cwd=folder,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        start_new_session=True,
    ) as process:
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(INSTALL_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
