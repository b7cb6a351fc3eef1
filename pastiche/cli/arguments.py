"""What several commands are told, each declared once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from pastiche.client import AsyncClient, Client, InvalidAddress, RetryPolicy
from pastiche.client.client import DEFAULT_URL
from pastiche.client.models import Format

Url = Annotated[
    str, typer.Option("--url", envvar="PASTICHE_URL", help="Where the service is.", metavar="URL")
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="PASTICHE_KEY", help="Where the service asks for keys.", metavar="KEY"
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="For scripts: one JSON document a line on standard output.")
]
Show = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Show the picture in the terminal (kitty, iTerm2, WezTerm, Ghostty).",
        show_default="where it can",
    ),
]
ContentArgument = Annotated[
    str, typer.Argument(help="The photograph: a file, or - for standard input.")
]
Contents = Annotated[
    str,
    typer.Argument(
        help="The photograph: a file, - for standard input; or several: a folder, or a pattern "
        "in quotes, as '*.jpg'."
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
        "What is there is replaced.",
        metavar="OUT",
    ),
]
WantedFormat = Annotated[
    Format | None, typer.Option(help="Of the picture, where the file's name does not say.")
]
DEFAULT_LIMIT_MEGABYTES = 25.0
DEFAULT = DEFAULT_URL


def client_of(url: str, key: str | None) -> Client:
    """The service that the flags name."""
    with _usable_proxies():
        return Client(url, key, upload_limit_megabytes=limit_megabytes())


def async_client_of(url: str, key: str | None, patience: RetryPolicy | None = None) -> AsyncClient:
    """The same, for several things at once."""
    with _usable_proxies():
        limit = limit_megabytes()
        return AsyncClient(url, key, retry_policy=patience, upload_limit_megabytes=limit)


@contextmanager
def _usable_proxies() -> Iterator[None]:
    """What the environment says of proxies is read as a client is made.

    Raises:
        InvalidAddress: that is none, or of a kind that needs what is not installed.
    """
    try:
        yield
    except (ValueError, ImportError) as error:
        raise InvalidAddress(f"The proxy of the environment cannot be used: {error}") from error


def limit_megabytes() -> float:
    """How large a file may be: what an operator has told the service, told here in the same way."""
    said = os.environ.get("PASTICHE_UPLOAD_LIMIT_MEGABYTES", "")
    return float(said) if said.isdecimal() else DEFAULT_LIMIT_MEGABYTES


def is_folder(output: str) -> bool:
    """Whether the name of an output can only be a folder's."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)
