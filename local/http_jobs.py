"""A job over HTTP, as any client would do it: submit, look until it is over, fetch."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.errors import LocalError
from local.service import LocalService
from local.signals import Operator

_POLL_SECONDS = 0.25
_OVER = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be painted: image files and the options.

    Attributes:
        more: further files, each with the name of its field.
    """

    content: Path
    style: Path
    options: dict[str, str]
    more: tuple[tuple[str, Path], ...] = ()


def submit(http: httpx.Client, submission: Submission) -> dict[str, Any]:
    """The job, as the service accepted it.

    Raises:
        LocalError: an image is not there, or the service refuses.
    """
    try:
        with ExitStack() as stack:
            files = [
                (name, stack.enter_context(path.open("rb")))
                for name, path in (
                    ("content", submission.content),
                    ("style", submission.style),
                    *submission.more,
                )
            ]
            return _job(http.post("/jobs", files=files, data=submission.options))
    except FileNotFoundError as error:
        raise LocalError(f"There is no image {error.filename}.") from error


def looks(
    http: httpx.Client, job: dict[str, Any], service: LocalService, operator: Operator
) -> Iterator[dict[str, Any]]:
    """The job, again and again, until it has succeeded.

    Raises:
        LocalError: it did not succeed; the message is the service's own.
        Ended: the operator wants it to end.
    """
    while job["status"] not in _OVER:
        operator.wait(_POLL_SECONDS)
        service.check()
        job = _job(http.get(job["links"]["self"]))
        yield job
    if job["status"] != "succeeded":
        error = job["error"] or {"detail": f"The job was {job['status']}."}
        raise LocalError(error["detail"])


def picture(http: httpx.Client, job: dict[str, Any]) -> bytes:
    """The finished picture, as PNG."""
    return _answer(http.get(job["links"]["result"])).content


def _job(response: httpx.Response) -> dict[str, Any]:
    job = _answer(response).json()
    assert isinstance(job, dict)
    return job


def _answer(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise LocalError(f"The service answered: {response.json()['detail']}")
    return response
