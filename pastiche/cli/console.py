"""The console: results on standard output, everything else on standard error, and exit codes.

Terminals show pictures by one of two protocols:
Kitty's, which Ghostty uses, too: https://sw.kovidgoyal.net/kitty/graphics-protocol/
iTerm2's, which WezTerm uses, too: https://iterm2.com/documentation-images.html
"""

import base64
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.segment import Segment, Segments

from pastiche.client import (
    ApiError,
    ClientError,
    InvalidAddress,
    InvalidPicture,
    InvalidRequest,
    InvalidResponse,
    JobUnsuccessful,
    JobWarning,
    ServiceUnreachable,
)
from pastiche.option_warnings import OptionWarning

Protocol = Literal["kitty", "iterm"]

OUT = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
ERR = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)
"""Standard error if `--quiet` is given."""
NOTICES = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)
"""Standard error for what `--quiet` turns off: notices and bars."""

OUTPUT_PANEL = "Output"

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print only errors, without progress, notices or warnings.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]

MOST_COLUMNS = 60
_CHUNK = 4096
"""How much base64 kitty accepts in one sequence."""


class InvalidFile(ClientError):
    """A file, a folder or an output that cannot be read or written."""


class InvalidOption(ClientError):
    """An option that does not fit the pictures or the backbone."""


class Exit(IntEnum):
    """The exit codes; a test compares the documentation with them."""

    DONE = 0
    UNSUCCESSFUL = 1
    USAGE_ERROR = 2
    API_ERROR = 3
    INVALID_FILE = 4
    UNREACHABLE = 5
    INVALID_RESPONSE = 6
    INTERRUPTED = 130


_CODES: dict[type[ClientError], Exit] = {
    JobUnsuccessful: Exit.UNSUCCESSFUL,
    InvalidAddress: Exit.USAGE_ERROR,
    InvalidRequest: Exit.USAGE_ERROR,
    InvalidOption: Exit.USAGE_ERROR,
    ApiError: Exit.API_ERROR,
    InvalidPicture: Exit.INVALID_FILE,
    InvalidFile: Exit.INVALID_FILE,
    ServiceUnreachable: Exit.UNREACHABLE,
    InvalidResponse: Exit.INVALID_RESPONSE,
}


def exit_code(error: ClientError) -> Exit:
    """The exit code of an error."""
    return _CODES.get(type(error), Exit.UNSUCCESSFUL)


def exits_on_error(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the flag `--quiet`, and makes it end with a sentence and an exit code if it
    fails."""

    @wraps(command)
    def run(*, quiet: bool, **arguments: Any) -> None:
        NOTICES.quiet = quiet
        try:
            command(**arguments)
        except ClientError as error:
            report_error(str(error))
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt:
            notice("Stopped.")
            raise typer.Exit(Exit.INTERRUPTED) from None

    own = signature(command)
    flag = Parameter("quiet", Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)
    # `inspect.signature`, and so typer, reads this attribute first (PEP 362). It has no type.
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), flag])  # type: ignore[attr-defined]
    return run


def printable(text: str) -> str:
    """Replaces control characters in texts from elsewhere, because they could control the
    terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "·" for each in text)


def notice(sentence: str) -> None:
    """Prints a sentence for a person to standard error, unless `--quiet` is given."""
    NOTICES.print(printable(sentence))


def report_error(sentence: str) -> None:
    """Prints what went wrong to standard error."""
    _standard_error().print(printable(sentence))


def is_interactive() -> bool:
    """Whether a person can be asked: standard input and standard error are terminals, and neither
    is closed."""
    return all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))


def confirm(question: str) -> bool:
    """Asks on standard error, even with `--quiet`. Any answer except y and yes means no."""
    ERR.print(printable(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _standard_error() -> Console:
    """The console for errors. It is the console of the bars, which erase what another console
    prints. With `--quiet` there are no bars, and that console prints nothing."""
    return ERR if NOTICES.quiet else NOTICES


def line(text: str) -> None:
    """Prints a line to standard output.

    Raises:
        InvalidFile: it cannot be written, or it is closed.
    """
    check_standard_output()
    write_output(f"{printable(text)}\n".encode(sys.stdout.encoding, "replace"))


def json_line(document: Mapping[str, Any]) -> None:
    """Prints a JSON document as one line and flushes it, for scripts.

    Raises:
        InvalidFile: standard output is closed.
    """
    write_output((json.dumps(document) + "\n").encode())


def check_standard_output() -> None:
    """Raises InvalidFile if standard output was closed before the command began (`>&-`)."""
    if sys.stdout is None:
        raise InvalidFile("Standard output is closed.")


def write_output(data: bytes) -> None:
    """Writes to standard output.

    Raises:
        InvalidFile: it cannot be written, or it is closed.
    """
    check_standard_output()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Otherwise Python would write the rest at exit, and report the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InvalidFile(f"Standard output cannot be written: {error.strerror}.") from error


class WarningLog(logging.Handler):
    """Shows what the client logs, such as retries."""

    def emit(self, record: logging.LogRecord) -> None:
        notice(record.getMessage())


class WarningNotices:
    """Shows each warning once, even if it concerns many pictures of a batch.

    Args:
        name_contents: whether a warning about a content image begins with the name of its file.
    """

    def __init__(self, *, name_contents: bool = False) -> None:
        self._name_contents = name_contents
        self._shown: set[str] = set()

    def show(self, warnings: Iterable[JobWarning | OptionWarning], content: str) -> None:
        """Shows the new warnings."""
        for warning in warnings:
            is_named = self._name_contents and warning.field == "content"
            sentence = f"{content}: {warning.detail}" if is_named else warning.detail
            if sentence not in self._shown:
                self._shown.add(sentence)
                notice(f"Warning: {sentence}")


def detect_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """How this terminal shows pictures. None if it cannot, or is not known."""
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if terminal.startswith(("screen", "tmux")):
        return None  # they do not pass pictures on
    if "KITTY_WINDOW_ID" in environment or terminal in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return "iterm" if program in ("iTerm.app", "WezTerm") else None


def should_show_pictures(flag: bool | None) -> bool:
    """Whether to show pictures: as the flag says, or without the flag if the terminal can."""
    if flag is None:
        return ERR.is_terminal and detect_protocol(os.environ) is not None
    if flag and detect_protocol(os.environ) is None:
        notice("This terminal is not known to show pictures.")
        return False
    return flag


@contextmanager
def showing() -> Iterator[None]:
    """Reports a failure to show a picture only as a notice, because the picture is already
    saved."""
    try:
        yield
    except ClientError as error:
        notice(f"The picture cannot be shown: {error}")


def show_picture(png: bytes) -> None:
    """Shows a picture on standard error, above the bars, because standard output may be a file."""
    protocol = detect_protocol(os.environ)
    if protocol is None:
        return
    columns = min(MOST_COLUMNS, ERR.width - 1)
    text = base64.b64encode(png).decode()
    if protocol == "iterm":
        head = f"\x1b]1337;File=inline=1;size={len(png)};width={columns}"
        sequence = f"{head}:{text}\x07"
    else:
        chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
        sequence = "".join(
            f"\x1b_G{f'a=T,f=100,q=2,c={columns},' if index == 0 else ''}"
            f"m={int(index < len(chunks) - 1)};{chunk}\x1b\\"
            for index, chunk in enumerate(chunks)
        )
    # While there are bars, what is written to sys.stderr loses its control characters.
    _standard_error().print(Segments([Segment(f"{sequence}\n")]))
