"""`pastiche watch`, `get`, `list`, `cancel`, `finish`, `delete`: what there is of jobs already."""

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any

import typer
from rich.table import Table

from pastiche.cli import terminal_pictures
from pastiche.cli.arguments import (
    DEFAULT,
    JobId,
    JobIds,
    Json,
    Key,
    Show,
    Url,
    WantedFormat,
    client_of,
)
from pastiche.cli.bars import Bars, duration
from pastiche.cli.contents import PIPE, check_output, save, target_of
from pastiche.cli.exits import Exit, guarded
from pastiche.cli.screen import OUT, json_line, line, notice, printable
from pastiche.client import (
    ApiError,
    Client,
    Event,
    Job,
    JobDeleted,
    JobFinished,
    JobUnsuccessful,
    JobUpdated,
    ProgressUpdated,
)
from pastiche.client.models import Format, Status

MaybeOutput = Annotated[
    str | None,
    typer.Option("--output", "-o", help="Where the picture goes: a file, or -.", metavar="OUT"),
]


@guarded
def watch(
    job: JobId,
    output: MaybeOutput = None,
    format: WantedFormat = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
) -> None:
    """Watch a job until it is over; with -o, save the picture then."""
    check_output(output, writes_json=as_json)
    target = None if output is None else target_of(output, format)
    shows = terminal_pictures.is_wanted(preview)
    with client_of(url, key) as client:
        seen = _watched(client, job, writes_json=as_json)
        if target is not None:
            save(client.result(seen, target.format), target)
        if not as_json:
            notice(f"{seen.status}{'' if output in (None, PIPE) else f': {output}'}")
        if shows:
            terminal_pictures.show(client.result(seen))


def _watched(client: Client, job_id: str, *, writes_json: bool) -> Job:
    """The job, once it has succeeded."""
    try:
        with Bars() as bars:
            bar = bars.add(job_id)

            def on_event(event: Event) -> None:
                bar.show(event)
                if writes_json:
                    _event_line(event)

            return client.wait_until_done(job_id, on_event=on_event)
    except KeyboardInterrupt:
        notice(f"The job goes on. To go on watching: pastiche watch {job_id}")
        raise typer.Exit(Exit.INTERRUPTED) from None


def _event_line(event: Event) -> None:
    match event:
        case JobUpdated(job) | JobFinished(job):
            json_line({"event": "done" if job.is_over else "status", "job": job.raw})
        case ProgressUpdated(progress):
            json_line({"event": "progress", "progress": progress.raw})
        case JobDeleted(job_id):
            json_line({"event": "gone", "id": job_id})


@guarded
def get(
    job: JobId,
    output: MaybeOutput = None,
    format: WantedFormat = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
) -> None:
    """Say how a job stands; with -o, save its picture."""
    check_output(output, writes_json=as_json)
    target = None if output is None else target_of(output, format)
    shows = terminal_pictures.is_wanted(preview)
    with client_of(url, key) as client:
        seen = client.get_job(job)
        if target is not None:
            save(_result(client, seen, target.format), target)
        if as_json:
            json_line(seen.raw)
        elif target is None:
            OUT.print(_table([seen]))
        if shows and seen.status == "succeeded":
            terminal_pictures.show(client.result(seen))


@guarded
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
) -> None:
    """List your jobs, the newest first."""
    with client_of(url, key) as client:
        found = islice(client.list_jobs(status, page_size=min(limit, 100)), limit)
        if as_json:
            for job in found:
                json_line(job.raw)
        else:
            OUT.print(_table(list(found)))


def _table(jobs: list[Job]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    for name in ("status", "done", "size", "submitted", "about it"):
        table.add_column(name)
    for job in jobs:
        words = (
            job.id,
            job.status,
            f"{job.progress:.0%}",
            str(job.options.get("size", "")),
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M}" if job.created_at else "",
            _about(job),
        )
        table.add_row(*map(printable, words))
    return table


def _about(job: Job) -> str:
    if job.error is not None:
        return job.error.detail
    left = "" if job.eta_seconds is None else f"{duration(job.eta_seconds)} left"
    ahead = f"{job.queue_position} before it" if job.queue_position else ""
    return ", ".join(part for part in (ahead, left) if part)


@guarded
def cancel(job: JobIds, as_json: Json = False, url: Url = DEFAULT, key: Key = None) -> None:
    """Cancel jobs: those that wait at once, those that are painted within an iteration or two."""

    def one(client: Client, job_id: str) -> None:
        seen = client.cancel(job_id)
        if as_json:
            json_line(seen.raw)
        else:
            line(f"{seen.id} {seen.status}")

    _each(job, one, url, key)


@guarded
def finish(
    job: JobId,
    output: MaybeOutput = None,
    format: WantedFormat = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
) -> None:
    """Stop a job here and keep its picture as it is; with -o, save it."""
    check_output(output, writes_json=as_json)
    target = None if output is None else target_of(output, format)
    with client_of(url, key) as client:
        seen = client.finish(job)
        if not seen.is_over:
            seen = client.wait_until_done(seen)
        if target is not None:
            save(client.result(seen, target.format), target)
        if as_json:
            json_line(seen.raw)
        else:
            notice(f"{seen.id} {seen.status}{'' if output in (None, PIPE) else f': {output}'}")


@guarded
def delete(job: JobIds, url: Url = DEFAULT, key: Key = None) -> None:
    """Cancel jobs and erase them with their pictures."""
    _each(job, lambda client, job_id: client.delete(job_id), url, key)


def _result(client: Client, job: Job, format: Format) -> bytes:
    """The picture of a job.

    Raises:
        JobUnsuccessful: it is over, and has none.
    """
    try:
        return client.result(job, format)
    except ApiError as error:
        if error.code == "no_result":
            raise JobUnsuccessful(job) from error
        raise


def _each(jobs: list[str], do: Callable[[Client, str], Any], url: str, key: str | None) -> None:
    """Does something to each, whatever becomes of the others."""
    refused = False
    with client_of(url, key) as client:
        for job_id in jobs:
            try:
                do(client, job_id)
            except ApiError as error:
                notice(error.detail)
                refused = True
    if refused:
        raise typer.Exit(Exit.API_ERROR)
