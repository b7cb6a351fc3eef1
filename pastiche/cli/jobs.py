"""`pastiche watch`, `get`, `list`, `open`, `cancel` and so on: commands for existing jobs."""

import webbrowser
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any

import typer

from pastiche.cli.arguments import (
    FormatOption,
    JobId,
    JobIds,
    Json,
    Key,
    Show,
    Url,
    make_client,
)
from pastiche.cli.bars import Bars, format_duration
from pastiche.cli.console import (
    OUT,
    Exit,
    check_standard_output,
    confirm,
    exits_on_error,
    is_interactive,
    json_line,
    line,
    notice,
    report_error,
    should_show_pictures,
    show_picture,
    showing,
)
from pastiche.cli.contents import PIPE, Target, check_output, check_target, make_target, save
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
from pastiche.client.requests import DEFAULT_URL

OptionalOutput = Annotated[
    str | None,
    typer.Option("--output", "-o", help="Where to save the picture: a file, or -.", metavar="OUT"),
]


@exits_on_error
def watch(
    job: JobId,
    output: OptionalOutput = None,
    format: FormatOption = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Watch a job until it is over. With -o, save its picture."""
    target = _choose_target(output, format, writes_json=as_json)
    shows = should_show_pictures(preview)
    with make_client(Client, url, key) as client:
        seen = _watch(client, job, writes_json=as_json)
        _save_result(client, seen, target)
        if not as_json:
            notice(f"{seen.status}{'' if output in (None, PIPE) else f': {output}'}")
        if shows:
            with showing():
                show_picture(client.result(seen))


def _choose_target(
    output: str | None, format: Format | None, *, writes_json: bool
) -> Target | None:
    check_output(output, writes_json=writes_json)
    if output is None:
        return None
    target = make_target(output, format)
    check_target(target)
    return target


def _watch(client: Client, job_id: str, *, writes_json: bool) -> Job:
    """Waits until the job has succeeded."""
    try:
        with Bars() as bars:
            bar = bars.add(job_id)

            def on_event(event: Event) -> None:
                bar.show(event)
                if writes_json:
                    _print_event(event)

            return client.wait_until_done(job_id, on_event=on_event)
    except KeyboardInterrupt:
        notice(f"The job continues. To watch it again: pastiche watch {job_id}")
        raise typer.Exit(Exit.INTERRUPTED) from None


def _print_event(event: Event) -> None:
    match event:
        case JobUpdated(job) | JobFinished(job):
            json_line({"event": "done" if job.is_over else "status", "job": job.raw})
        case ProgressUpdated(progress):
            json_line({"event": "progress", "progress": progress.raw})
        case JobDeleted(job_id):
            json_line({"event": "gone", "id": job_id})


@exits_on_error
def get(
    job: JobId,
    output: OptionalOutput = None,
    format: FormatOption = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show a job. With -o, save its picture."""
    target = _choose_target(output, format, writes_json=as_json)
    shows = should_show_pictures(preview)
    with make_client(Client, url, key) as client:
        seen = client.get_job(job)
        _save_result(client, seen, target)
        if as_json:
            json_line(seen.raw)
        elif target is None:
            _print_table([seen])
        if shows and seen.status == "succeeded":
            with showing():
                show_picture(client.result(seen))


@exits_on_error
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only jobs with this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs at most.")] = 20,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """List your jobs, newest first."""
    with make_client(Client, url, key) as client:
        found = islice(client.list_jobs(status, page_size=min(limit, 100)), limit)
        if as_json:
            for job in found:
                json_line(job.raw)
        else:
            _print_table(list(found))


COLUMNS = ("id", "status", "done", "size", "submitted", "details")


def _print_table(jobs: list[Job]) -> None:
    """Prints one line for each job, cut to the width of a terminal, or complete in a pipe."""
    rows = [COLUMNS, *map(_row, jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        text = "  ".join(cells).rstrip()
        line(text[: OUT.width - 1] if OUT.is_terminal else text)


def _row(job: Job) -> tuple[str, ...]:
    submitted = f"{job.created_at.astimezone():%Y-%m-%d %H:%M}" if job.created_at else ""
    size = str(job.options.get("size", ""))
    details = " ".join(_details(job).split())
    return job.id, job.status, f"{job.progress:.0%}", size, submitted, details


def _details(job: Job) -> str:
    if job.error is not None:
        return job.error.detail
    if job.is_over:
        return _describe_timings(job)
    left = "" if job.eta_seconds is None else f"{format_duration(job.eta_seconds)} left"
    ahead = f"{job.queue_position} ahead" if job.queue_position else ""
    return ", ".join(part for part in (ahead, left) if part)


def _describe_timings(job: Job) -> str:
    waited, painted = job.timings.waited_seconds, job.timings.painted_seconds
    parts = (
        "" if waited is None else f"waited {format_duration(waited)}",
        "" if painted is None else f"painted {format_duration(painted)}",
        job.device or "",
    )
    return ", ".join(part for part in parts if part)


@exits_on_error
def open_job(
    job: JobId,
    picture: Annotated[bool, typer.Option("--picture", help="Open only the picture.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Open a job in the browser: the page follows it, and shows the picture and its settings."""
    with make_client(Client, url, key) as client:
        seen = client.get_job(job)
        address = f"{client.url}/#job={seen.id}"
        if picture:
            path = Path(mkdtemp(prefix="pastiche-"), f"{seen.id}.png")
            _save_result(client, seen, Target(path, "png"))
            address = path.as_uri()
    line(address)
    if not webbrowser.open(address):
        report_error("No browser was found to open it. Name one in the variable BROWSER.")
        raise typer.Exit(Exit.UNSUCCESSFUL)


@exits_on_error
def cancel(job: JobIds, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Cancel jobs: queued ones at once, running ones within an iteration or two."""

    check_standard_output()

    def cancel_one(client: Client, job_id: str) -> None:
        seen = client.cancel(job_id)
        if as_json:
            json_line(seen.raw)
        else:
            line(f"{seen.id} {seen.status}")

    _for_each(job, cancel_one, url, key)


@exits_on_error
def finish(
    job: JobId,
    output: OptionalOutput = None,
    format: FormatOption = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """End a job early and keep the picture so far. With -o, save it."""
    target = _choose_target(output, format, writes_json=as_json)
    with make_client(Client, url, key) as client:
        seen = client.finish(job)
        if not seen.is_over:
            seen = client.wait_until_done(seen)
        _save_result(client, seen, target)
        if as_json:
            json_line(seen.raw)
        else:
            notice(f"{seen.id} {seen.status}{'' if output in (None, PIPE) else f': {output}'}")


@exits_on_error
def delete(
    job: JobIds,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", "--force", "-f", help="Do not ask whether to delete them."),
    ] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Cancel jobs and delete them with their pictures.

    In a terminal, the command asks first.
    """
    if not yes and is_interactive():
        jobs = f"job {job[0]} with its" if len(job) == 1 else f"{len(job)} jobs with their"
        if not confirm(f"Delete {jobs} pictures?"):
            notice("Nothing is deleted.")
            raise typer.Exit(Exit.UNSUCCESSFUL)
    _for_each(job, lambda client, job_id: client.delete(job_id), url, key)


def _save_result(client: Client, job: Job, target: Target | None) -> None:
    """Saves the picture of a job, unless there is no target.

    Raises:
        JobUnsuccessful: the job is over without a picture.
    """
    if target is None:
        return
    try:
        save(client.result(job, target.format), target.path)
    except ApiError as error:
        if error.code == "no_result":
            raise JobUnsuccessful(job) from error
        raise


def _for_each(jobs: list[str], do: Callable[[Client, str], Any], url: str, key: str | None) -> None:
    """Calls a function for each job, even if it fails for others."""
    has_failed = False
    with make_client(Client, url, key) as client:
        for job_id in jobs:
            try:
                do(client, job_id)
            except ApiError as error:
                report_error(error.detail)
                has_failed = True
    if has_failed:
        raise typer.Exit(Exit.API_ERROR)
