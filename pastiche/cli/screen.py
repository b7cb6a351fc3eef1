"""Where words go: what is asked for to standard output, what is told beside it to the other."""

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
    """Tells a person something, whatever becomes of the output."""
    ERR.print(printable(sentence))


def line(text: str) -> None:
    """A line of the output."""
    OUT.print(printable(text))


def json_line(said: Mapping[str, Any]) -> None:
    """One JSON document, on a line of its own, for a script that reads it at once.

    Raises:
        InvalidFile: nobody reads it any more.
    """
    put_out((json.dumps(said) + "\n").encode())


def put_out(data: bytes) -> None:
    """Writes to standard output.

    Raises:
        InvalidFile: it cannot be written, or nobody reads it any more.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would be tried again, and told, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InvalidFile(f"Standard output cannot be written: {error.strerror}.") from error


def printable(text: str) -> str:
    """The text without what would command a terminal: it may come from a stranger."""
    return "".join(each if each.isprintable() or each == "\n" else "·" for each in text)


class Notices(logging.Handler):
    """What the client tells on the way, as that it tries again."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())


def tell_what_the_client_tells() -> None:
    """From now on such things are seen."""
    logging.getLogger("pastiche.client").addHandler(Notices())
