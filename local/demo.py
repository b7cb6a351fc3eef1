"""`make demo`: paints one picture with the whole service, over HTTP, with the Python client."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from rich.console import Console

from local import LocalError
from local.supervisor import LocalService, Operator, running
from pastiche.cli.bars import Bars
from pastiche.cli.console import InvalidFile
from pastiche.cli.contents import check_target, make_target, save
from pastiche.client import Client, ClientError, Job, JobUnsuccessful
from shared.settings import Settings

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


def demo(submission: Submission, output: Path, settings: Settings, console: Console) -> None:
    """Starts the service, paints one picture with it, saves it and stops everything.

    Raises:
        LocalError: a part of it failed; the message says which.
        Ended: a signal was received.
    """
    for image in (submission.content, submission.style):
        if not image.is_file():
            raise LocalError(f"There is no image {image}.")
    try:
        target = make_target(str(output), "png")
        check_target(target)
    except InvalidFile as error:
        raise LocalError(str(error)) from error
    operator = Operator()
    with ExitStack() as stack:
        with console.status("Starting Redis, worker and API …"):
            service = stack.enter_context(running(settings, operator))
        client = stack.enter_context(connect(service))
        began = monotonic()
        with Bars() as bars:
            bar = bars.add("painting")
            for job in paint(client, submission, service, operator):
                bar.update(job, job.status)
        picture = client.result(job)
        seconds = monotonic() - began
        save(picture, target.path)
    assert job.backbone is not None  # because the job has succeeded
    console.print(
        f"Painted by the {job.backbone.name} backbone on {service.worker.device} "
        f"in {seconds:.1f} s and {job.iterations} iterations, saved as {output}.",
        soft_wrap=True,
    )
    console.print("The same with curl, while `make serve` runs:")
    console.print(f"  {describe_request(submission, service.url)}", soft_wrap=True)


def describe_request(submission: Submission, url: str) -> str:
    """The shell command that submits the same job with curl."""
    pictures = {"content": submission.content, "style": submission.style}
    fields = {name: _quote_for_curl(path) for name, path in pictures.items()}
    flags = [f"{name}={value}" for name, value in (fields | dict(submission.options)).items()]
    words = (word for flag in flags for word in ("-F", flag))
    return shlex.join(["curl", *words, f"{url}/jobs"])


def _quote_for_curl(path: Path) -> str:
    """A file as the value of a form field for curl, where a comma or semicolon ends a name unless
    it is quoted."""
    name = str(path)
    if not set(name) & set(',;"'):
        return f"@{name}"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'@"{escaped}"'


@contextmanager
def connect(service: LocalService) -> Iterator[Client]:
    """A client of the local service that ignores the proxies in the environment.

    Raises:
        LocalError: the client failed, for example because the service refuses a request.
    """
    with httpx.Client(trust_env=False) as http, Client(service.url, http=http) as client:
        try:
            yield client
        except ClientError as error:
            raise LocalError(str(error)) from error


def paint(
    client: Client, submission: Submission, service: LocalService, operator: Operator
) -> Iterator[Job]:
    """Submits a job and yields it repeatedly until it has succeeded.

    Raises:
        ClientError: the service refuses the job or does not answer, or the job did not succeed.
        LocalError: a part of the service has ended.
        Ended: a signal was received.
    """
    arguments = dict(submission.options)
    for name, path in submission.more:
        arguments.setdefault(name, []).append(path)
    job = client.submit(submission.content, submission.style, **arguments)
    yield job
    while not job.is_over:
        operator.wait(_POLL_SECONDS)
        service.check()
        job = client.get_job(job)
        yield job
    if job.status != "succeeded":
        raise JobUnsuccessful(job)
