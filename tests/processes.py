"""What the system knows of other processes."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
"""For a test that reads there what no other system says in the same way."""


def list_children(pid: int) -> list[int]:
    """The processes that any thread of a process has started; none if it has ended."""
    if sys.platform != "linux":  # where a small image has no pgrep
        return [int(child) for child in _output_of("pgrep", "-P", str(pid)).split()]
    found: list[int] = []
    with suppress(OSError):
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, listed.read_text().split())
    return found


def read_command(pid: int) -> list[str]:
    """The words of the command that a process runs; none if it has ended."""
    if sys.platform != "linux":
        return _output_of("ps", "-ww", "-o", "args=", "-p", str(pid)).split()
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]  # each ends with one
    return []


def _output_of(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
