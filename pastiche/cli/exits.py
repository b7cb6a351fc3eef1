"""How a command ends: a code for scripts, and a sentence for people."""

from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

import typer

from pastiche.cli.screen import UnusableFile, notice
from pastiche.client import (
    ClientError,
    NotPainted,
    Refused,
    StrangeAnswer,
    Unreachable,
    UnusableAddress,
    UnusablePicture,
)

Arguments = ParamSpec("Arguments")


class Exit(IntEnum):
    """What each exit code means; a test holds the documentation against this."""

    DONE = 0
    NOT_PAINTED = 1
    WRONG_USAGE = 2
    REFUSED = 3
    UNUSABLE_FILE = 4
    UNREACHABLE = 5
    STRANGE_ANSWER = 6
    INTERRUPTED = 130


_CODES: dict[type[ClientError], Exit] = {
    NotPainted: Exit.NOT_PAINTED,
    UnusableAddress: Exit.WRONG_USAGE,
    Refused: Exit.REFUSED,
    UnusablePicture: Exit.UNUSABLE_FILE,
    UnusableFile: Exit.UNUSABLE_FILE,
    Unreachable: Exit.UNREACHABLE,
    StrangeAnswer: Exit.STRANGE_ANSWER,
}


def code_of(error: ClientError) -> Exit:
    """The exit code that an error has."""
    return _CODES.get(type(error), Exit.NOT_PAINTED)


def guarded(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """The command, which ends with a sentence and a code where it cannot be done."""

    @wraps(command)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        try:
            command(*arguments, **named)
        except ClientError as error:
            notice(str(error))
            raise typer.Exit(code_of(error)) from error
        except KeyboardInterrupt:
            notice("Stopped.")
            raise typer.Exit(Exit.INTERRUPTED) from None

    return run
