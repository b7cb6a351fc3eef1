"""`make demo`: one picture through the whole service, over HTTP, as any client would do it."""

import errno
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from local.errors import LocalError
from local.service import LocalService, running
from local.signals import Operator
from shared.settings import Settings

_POLL_SECONDS = 0.25
_OVER = ("succeeded", "failed", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What is to be painted, and where the picture goes."""

    content: Path
    style: Path
    size: int
    saved_as: Path


def demo(wanted: Demonstration, settings: Settings, console: Console) -> None:
    """Starts the service, paints one picture through it, saves it and takes everything down.

    Raises:
        LocalError: a part of it cannot be done; the message says which.
        Ended: the operator wants it to end.
    """
    for image in (wanted.content, wanted.style):
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
        job = _watched(http, _submitted(http, wanted), service, operator, console)
        picture = _answer(http.get(job["links"]["result"])).content
        seconds = monotonic() - began
    _save(picture, wanted.saved_as)
    _tell(job, wanted, service, seconds, console)


def _submitted(http: httpx.Client, wanted: Demonstration) -> dict[str, Any]:
    with wanted.content.open("rb") as content, wanted.style.open("rb") as style:
        files = {"content": content, "style": style}
        return _job(http.post("/jobs", files=files, data={"size": str(wanted.size)}))


def _watched(
    http: httpx.Client,
    job: dict[str, Any],
    service: LocalService,
    operator: Operator,
    console: Console,
) -> dict[str, Any]:
    """Polls the job until it is over, with a progress bar; the job as it ended."""
    columns = (
        TextColumn("Painting"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  scale {task.fields[scale]}"),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("painting", total=job["iterations"], scale="-", losses="")
        while job["status"] not in _OVER:
            operator.wait(_POLL_SECONDS)
            service.check()
            job = _job(http.get(job["links"]["self"]))
            bars.update(
                bar,
                total=job["iterations"],
                completed=job["iteration"],
                scale=job["scale"] or "-",
                losses=_losses(job["losses"]),
            )
    if job["status"] != "succeeded":
        error = job["error"] or {"detail": f"The job was {job['status']}."}
        raise LocalError(error["detail"])
    return job


def _losses(losses: dict[str, float] | None) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in (losses or {}).items())


def _job(response: httpx.Response) -> dict[str, Any]:
    job = _answer(response).json()
    assert isinstance(job, dict)
    return job


def _answer(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise LocalError(f"The service answered: {response.json()['detail']}")
    return response


def _save(picture: bytes, target: Path) -> None:
    """Whole or not at all: a full disk leaves neither half a picture nor the old one spoilt."""
    part = target.with_suffix(f".part{target.suffix}")
    try:
        part.write_bytes(picture)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise LocalError(f"{target} cannot be saved: {reason}.") from error


def _tell(
    job: dict[str, Any],
    wanted: Demonstration,
    service: LocalService,
    seconds: float,
    console: Console,
) -> None:
    console.print(
        f"Painted by the [bold]{job['backbone']['name']}[/] backbone on {service.worker.device} "
        f"in {seconds:.1f} s, saved as [bold]{wanted.saved_as}[/]."
    )
    console.print("The same with curl, while `make serve` runs:")
    command = (
        f"curl -F content=@{wanted.content} -F style=@{wanted.style} "
        f"-F size={wanted.size} {service.url}/jobs"
    )
    console.print(f"  {command}", soft_wrap=True, highlight=False)
