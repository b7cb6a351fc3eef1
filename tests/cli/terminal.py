"""A terminal that shows what a command writes to standard error."""

import os
import re
import subprocess
from contextlib import suppress
from dataclasses import replace
from select import select

from tests.cli.command import Shell
from tests.waiting import TIMEOUT_SECONDS

_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|\x1b\[[?;0-9]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+")


class Terminal:
    """Runs one command, and stores what it writes.

    Args:
        is_read: whether it is the command's standard input, too.
    """

    def __init__(self, *, is_read: bool = False) -> None:
        self._is_read = is_read
        self._ours, self._theirs = os.openpty()
        self.written = b""

    def start(self, shell: Shell, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a process whose standard error is this terminal."""
        environment = {"TERM": "xterm"} | environment
        if self._is_read:
            shell = replace(shell, stdin=self._theirs)
        process = shell.start(*arguments, stderr=self._theirs, **environment)
        os.close(self._theirs)
        return process

    def type(self, text: bytes) -> None:
        """Types a text."""
        os.write(self._ours, text)

    def read_until(self, text: bytes) -> None:
        """Waits until the command has written a text. Raises OSError if it ends without it."""
        while text not in self.written:
            is_readable, _, _ = select([self._ours], [], [], TIMEOUT_SECONDS)
            assert is_readable, f"The command has not written {text!r}."
            self.written += os.read(self._ours, 10_000)

    def read_to_end(self) -> bytes:
        """Waits for the end of the command, and returns all that it has written."""
        with suppress(OSError):  # as Linux ends a terminal whose last process has gone
            while piece := os.read(self._ours, 10_000):
                self.written += piece
        os.close(self._ours)
        return self.written

    def rows(self) -> list[str]:
        """The visible rows, with overwritten and erased text removed."""
        rows, row, column = [""], 0, 0
        for piece in _PIECE.finditer(self.written.decode()):
            text, (count, command) = piece[0], piece.groups()
            if command == "A":
                row = max(0, row - int(count or 1))
            elif command == "K":
                rows[row] = ""
            elif text == "\r":
                column = 0
            elif text == "\n":
                row += 1
                rows += [""] * (row == len(rows))
            elif not text.startswith("\x1b"):
                rows[row] = (
                    rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
                )
                column += len(text)
        return rows
