"""A job through the local service, with the Python client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.errors import LocalError
from local.service import LocalService
from local.signals import Operator
from pastiche.client import Client, ClientError, Job

_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Submission:
    """The images and options of a job.

    Attributes:
        options: arguments of `Client.submit`.
        more: further pictures, each with the name of its argument.
    """

    content: Path
    style: Path
    options: Mapping[str, Any]
    more: tuple[tuple[str, Path], ...] = ()

    @property
    def pictures(self) -> dict[str, list[Path]]:
        """All pictures by their argument of `Client.submit`."""
        pictures: dict[str, list[Path]] = {}
        for name, path in (("content", self.content), ("style", self.style), *self.more):
            pictures.setdefault(name, []).append(path)
        return pictures


@contextmanager
def connect(service: LocalService) -> Iterator[Client]:
    """A client of the local service, whatever proxy the environment names.

    Raises:
        LocalError: the service refuses a request, or does not answer.
    """
    with httpx.Client(trust_env=False) as http, Client(service.url, http=http) as client:
        try:
            yield client
        except ClientError as error:
            raise LocalError(str(error)) from error


def paint(
    client: Client, submission: Submission, service: LocalService, operator: Operator
) -> Iterator[Job]:
    """Submits a job and yields it as it is, again and again, until it has succeeded.

    Raises:
        ClientError: the service refuses the job, or does not answer.
        LocalError: the job did not succeed, or a part of the service has died.
        Ended: the operator wants the command to end.
    """
    pictures = {
        name: paths[0] if len(paths) == 1 else paths for name, paths in submission.pictures.items()
    }
    arguments: dict[str, Any] = {**pictures, **submission.options}
    job = client.submit(**arguments)
    yield job
    while not job.is_over:
        operator.wait(_POLL_SECONDS)
        service.check()
        job = client.get_job(job)
        yield job
    if job.status != "succeeded":
        raise LocalError(job.error.detail if job.error else f"The job was {job.status}.")
