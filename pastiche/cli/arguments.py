"""Arguments and options that several commands share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from pastiche.client import AsyncClient, Client, InvalidAddress, RetryPolicy
from pastiche.client.models import Format
from pastiche.client.requests import DEFAULT_URL

Url = Annotated[
    str,
    typer.Option("--url", envvar="PASTICHE_URL", help="The address of the service.", metavar="URL"),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="PASTICHE_KEY",
        help="The API key, if the service requires one.",
        metavar="KEY",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="For scripts: print one JSON document per line.")
]
Show = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Show the picture in the terminal (kitty, iTerm2, WezTerm, Ghostty).",
        show_default="if it can",
    ),
]
ContentArgument = Annotated[
    str, typer.Argument(help="The photograph: a file, or - for standard input.")
]
Contents = Annotated[
    str,
    typer.Argument(
        help="The photograph: a file, or - for standard input; or several: a folder, or a pattern "
        "in quotes, such as '*.jpg'."
    ),
]
Styles = Annotated[list[str], typer.Argument(help="The painting, or up to eight of them.")]
JobId = Annotated[str, typer.Argument(help="The job's id.", metavar="ID")]
JobIds = Annotated[list[str], typer.Argument(help="The jobs' ids.", metavar="ID…")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The file (.png, .jpg or .webp), - for standard output, or the folder of several. "
        "An existing file is replaced.",
        metavar="OUT",
    ),
]
FormatOption = Annotated[
    Format | None, typer.Option(help="The picture's format, if the file name does not say.")
]
DEFAULT_LIMIT_MEGABYTES = 25.0
DEFAULT = DEFAULT_URL


def make_client(url: str, key: str | None) -> Client:
    """Makes a client for the service that the flags name."""
    with _checked_proxies():
        return Client(url, key, upload_limit_megabytes=limit_megabytes())


def make_async_client(
    url: str, key: str | None, retry_policy: RetryPolicy | None = None
) -> AsyncClient:
    """Makes an asynchronous client for the service that the flags name."""
    with _checked_proxies():
        limit = limit_megabytes()
        return AsyncClient(url, key, retry_policy=retry_policy, upload_limit_megabytes=limit)


@contextmanager
def _checked_proxies() -> Iterator[None]:
    """httpx reads the proxies of the environment when a client is made.

    Raises:
        InvalidAddress: one is invalid, or its kind needs a package that is not installed.
    """
    try:
        yield
    except (ValueError, ImportError) as error:
        raise InvalidAddress(f"The proxy of the environment cannot be used: {error}") from error


def limit_megabytes() -> float:
    """How large a file may be: the same setting as that of the service."""
    value = os.environ.get("PASTICHE_UPLOAD_LIMIT_MEGABYTES", "")
    return float(value) if value.isdecimal() else DEFAULT_LIMIT_MEGABYTES


def is_folder(output: str) -> bool:
    """Whether an output is a folder, or its name can only be a folder's."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)
