"""Runs a command that is killed with the process that started it, even where that is killed.

    python local/parent_death.py PARENT COMMAND…

A child that did this to itself between fork and exec might find a lock that another thread of its
parent holds. It needs nothing but the standard library, so that it starts at once. Linux alone:
other systems tell no child of its parent's end.
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
    """The command that runs this one until the calling process ends; this one as it is where the
    system cannot do that.

    The system takes the thread that starts a process for its parent: start it from one that lives
    as long as its process, such as the main thread.
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
        sys.exit("What started this has ended already.")
    os.execvp(command[0], command)  # noqa: S606 - its caller's command, without a shell


if __name__ == "__main__":
    _main()
