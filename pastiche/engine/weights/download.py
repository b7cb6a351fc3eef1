"""A file downloaded from a URL; a download that broke off is continued."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from pastiche.engine.weights.files import CannotFetch

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30.0

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes of the whole, None where it is unknown."""


def download(url: str, part: Path, on_progress: OnProgress) -> None:
    """Downloads a URL into the file `part`, from where an earlier try stopped.

    Raises:
        CannotFetch: the server cannot be reached, or does not give the file.
        OSError: the file cannot be written.
    """
    try:
        _download(url, part, on_progress)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise CannotFetch(f"{url} could not be reached ({_reason(error)})") from error
    except ValueError as error:
        raise CannotFetch(f"{url!r} is not a URL") from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", error))


def _download(url: str, part: Path, on_progress: OnProgress) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # Any scheme is allowed: the URL is ours or the operator's, and the file's digest is checked.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is the whole, or more: its digest will show
        raise
    with answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            for chunk in _chunks(answer):
                file.write(chunk)
                have += len(chunk)
                on_progress(have, whole)
    if whole is not None and have < whole:
        raise ConnectionError("the connection broke off; the next try continues from there")


def _chunks(answer: "urllib.request._UrlopenRet") -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK_BYTES):
        yield chunk
