"""How a command ends: with an exit code for scripts and a sentence for people."""

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
    ApiError: Exit.API_ERROR,
    InvalidPicture: Exit.INVALID_FILE,
    InvalidFile: Exit.INVALID_FILE,
    ServiceUnreachable: Exit.UNREACHABLE,
    InvalidResponse: Exit.INVALID_RESPONSE,
}


def exit_code(error: ClientError) -> Exit:
    """The exit code of an error."""
    return _CODES.get(type(error), Exit.UNSUCCESSFUL)


def exits_on_error(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Makes a command end with a sentence and an exit code if it fails."""

    @wraps(command)
    def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        try:
            command(*arguments, **named)
        except ClientError as error:
            notice(str(error))
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt:
            notice("Stopped.")
            raise typer.Exit(Exit.INTERRUPTED) from None

    return run
