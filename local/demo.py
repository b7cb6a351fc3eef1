"""`make demo`: one picture through the whole service, over HTTP, as any client would do it."""

import errno
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from local.errors import LocalError
from local.http_jobs import Submission, looks, picture, submit
from local.service import LocalService, running
from local.signals import Operator
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
        http = stack.enter_context(
            httpx.Client(base_url=service.url, timeout=60.0, trust_env=False)
        )
        began = monotonic()
        job = _watched(http, submit(http, submission), service, operator, console)
        painted = picture(http, job)
        seconds = monotonic() - began
    _save(painted, output)
    console.print(
        f"Painted by the [bold]{job['backbone']['name']}[/] backbone on {service.worker.device} "
        f"in {seconds:.1f} s, saved as [bold]{output}[/]."
    )
    console.print("The same with curl, while `make serve` runs:")
    console.print(f"  {_curl(submission, service.url)}", soft_wrap=True)


def _watched(
    http: httpx.Client,
    job: dict[str, Any],
    service: LocalService,
    operator: Operator,
    console: Console,
) -> dict[str, Any]:
    """Looks at the job until it is over, with a progress bar; the job as it ended."""
    columns = (
        TextColumn("Painting"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}  scale {task.fields[scale]}"),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("painting", total=job["iterations"], scale="-", losses="")
        seen = job
        for seen in looks(http, job, service, operator):
            bars.update(
                bar,
                total=seen["iterations"],
                completed=seen["iteration"],
                scale=seen["scale"] or "-",
                losses=_losses(seen["losses"]),
            )
    return seen


def _losses(losses: dict[str, float] | None) -> str:
    """Those that matter to a reader: the gamut's cost is nearly nothing, and the line is short."""
    shown = {name: value for name, value in (losses or {}).items() if name != "gamut"}
    return "  ".join(f"{name} {value:.3g}" for name, value in shown.items())


def _save(painted: bytes, output: Path) -> None:
    """Whole or not at all: a full disk leaves neither half a picture nor the old one spoilt."""
    part = output.with_suffix(f".part{output.suffix}")
    try:
        part.write_bytes(painted)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise LocalError(f"{output} cannot be saved: {reason}.") from error


def _curl(submission: Submission, url: str) -> str:
    options = "".join(f" -F {name}={value}" for name, value in submission.options.items())
    return f"curl -F content=@{submission.content} -F style=@{submission.style}{options} {url}/jobs"
