"""The console: results go to standard output, everything else to standard error."""

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from pastiche.client import ClientError

OUT = Console(highlight=False, markup=False, soft_wrap=True)
ERR = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)


class InvalidFile(ClientError):
    """A file, a folder or an output that cannot be read or written."""


def notice(sentence: str) -> None:
    """Prints a sentence for a person to standard error."""
    ERR.print(printable(sentence))


def line(text: str) -> None:
    """Prints a line to standard output."""
    OUT.print(printable(text))


def json_line(document: Mapping[str, Any]) -> None:
    """Prints a JSON document as one line and flushes it, for scripts.

    Raises:
        InvalidFile: standard output is closed.
    """
    write_output((json.dumps(document) + "\n").encode())


def write_output(data: bytes) -> None:
    """Writes to standard output.

    Raises:
        InvalidFile: it cannot be written, or it is closed.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would write the rest of the buffer when it exits, and report the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InvalidFile(f"Standard output cannot be written: {error.strerror}.") from error


def printable(text: str) -> str:
    """Replaces control characters, which could command the terminal, in texts from elsewhere."""
    return "".join(each if each.isprintable() or each == "\n" else "·" for each in text)


class Notices(logging.Handler):
    """Shows warnings of the client, such as that it retries."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())


def show_client_warnings() -> None:
    """Shows warnings of the client on standard error."""
    logging.getLogger("pastiche.client").addHandler(Notices())
