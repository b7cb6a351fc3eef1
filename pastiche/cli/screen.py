"""Where words go: what is asked for to standard output, what is told beside it to the other."""

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

OUT = Console(highlight=False, markup=False, soft_wrap=True)
ERR = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)


def notice(sentence: str) -> None:
    """Tells a person something, whatever becomes of the output."""
    ERR.print(printable(sentence))


def line(text: str) -> None:
    """A line of the output."""
    OUT.print(printable(text))


def json_line(said: Mapping[str, Any]) -> None:
    """One JSON document, on a line of its own, for a script that reads it at once."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


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
