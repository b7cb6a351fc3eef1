"""Runs a command that is killed when its parent process ends, even if the parent is killed.

    python local/parent_death.py PARENT COMMAND…

A child process cannot safely do this itself between fork and exec, because another thread of its
parent may hold a lock. This script needs only the standard library, so that it starts at once. It
works only on Linux: other systems do not tell a child that its parent has ended.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def is_supported() -> bool:
    """Whether the system can tell a process that its parent has ended."""
    return sys.platform == "linux"


def bound(command: list[str]) -> list[str]:
    """Wraps a command so that it is killed when the calling process ends. Returns it unchanged if
    the system cannot do that.

    The system treats the thread that starts a process as its parent. Start the command from a
    thread that lives as long as its process, such as the main thread.
    """
    if not is_supported():
        return command
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _main() -> None:
    parent, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:  # outlives exec
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    if os.getppid() != int(parent):
        sys.exit("The parent process has already ended.")
    os.execvp(command[0], command)  # noqa: S606 - its caller's command, without a shell


if __name__ == "__main__":
    _main()
