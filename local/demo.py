"""`make demo`: one picture through the whole service, over HTTP, as any client would do it."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from local.errors import LocalError
from local.jobs import Submission, connect, paint
from local.service import running
from local.signals import Operator
from pastiche.client import Job
from pastiche.client.models import Losses
from shared.settings import Settings


def demo(submission: Submission, output: Path, settings: Settings, console: Console) -> None:
    """Starts the service, paints one picture through it, saves it and takes everything down.

    Raises:
        LocalError: a part of it cannot be done; the message says which.
        Ended: the operator wants it to end.
    """
    for image in (submission.content, submission.style):
        if not image.is_file():
            raise LocalError(f"There is no image {image}.")
    operator = Operator()
    with ExitStack() as stack:
        with console.status("Starting Redis, worker and API …"):
            service = stack.enter_context(running(settings, operator))
        client = stack.enter_context(connect(service))
        began = monotonic()
        job = _show_progress(paint(client, submission, service, operator), console)
        picture = client.result(job)
        seconds = monotonic() - began
    _save(picture, output)
    assert job.backbone is not None  # of a job that has succeeded
    console.print(
        f"Painted by the [bold]{job.backbone.name}[/] backbone on {service.worker.device} "
        f"in {seconds:.1f} s, saved as [bold]{output}[/]."
    )
    console.print("The same with curl, while `make serve` runs:")
    console.print(f"  {_curl(submission, service.url)}", soft_wrap=True)


def _show_progress(jobs: Iterator[Job], console: Console) -> Job:
    """Shows a progress bar until the job has succeeded, and returns it."""
    columns = (
        TextColumn("Painting"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}  scale {task.fields[scale]}"),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("painting", total=0, scale="-", losses="")
        for job in jobs:
            bars.update(
                bar,
                total=job.iterations,
                completed=job.iteration,
                scale=job.scale or "-",
                losses=_format_losses(job.losses),
            )
    return job


def _format_losses(losses: Losses | None) -> str:
    """The terms that matter to a reader: that of the gamut is nearly 0, and the line is short."""
    if losses is None:
        return ""
    names = ("content", "style", "tv", "total")
    return "  ".join(f"{name} {getattr(losses, name):.3g}" for name in names)


def _save(picture: bytes, output: Path) -> None:
    """Saves all of it or nothing: a full disk leaves no partial picture, and the old one intact."""
    part = output.with_suffix(f".part{output.suffix}")
    try:
        part.write_bytes(picture)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise LocalError(f"{output} cannot be saved: {reason}.") from error


def _curl(submission: Submission, url: str) -> str:
    options = "".join(f" -F {name}={value}" for name, value in submission.options.items())
    return f"curl -F content=@{submission.content} -F style=@{submission.style}{options} {url}/jobs"
