"""How a command ends: a code for scripts, and a sentence for people."""

from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

import typer

from pastiche.cli.screen import InvalidFile, notice
from pastiche.client import (
    ApiError,
    ClientError,
    InvalidAddress,
    InvalidPicture,
    InvalidResponse,
    JobUnsuccessful,
    ServiceUnreachable,
)

Arguments = ParamSpec("Arguments")


class Exit(IntEnum):
    """What each exit code means; a test holds the documentation against this."""

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
    ApiError: Exit.API_ERROR,
    InvalidPicture: Exit.INVALID_FILE,
    InvalidFile: Exit.INVALID_FILE,
    ServiceUnreachable: Exit.UNREACHABLE,
    InvalidResponse: Exit.INVALID_RESPONSE,
}


def code_of(error: ClientError) -> Exit:
    """The exit code that an error has."""
    return _CODES.get(type(error), Exit.UNSUCCESSFUL)


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
