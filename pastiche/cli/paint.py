"""`pastiche paint`, `submit` and `sweep`: commands that send pictures."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pastiche.cli import terminal_pictures
from pastiche.cli.arguments import (
    DEFAULT,
    ContentArgument,
    Contents,
    FormatOption,
    Json,
    Key,
    Output,
    Show,
    Styles,
    Url,
    limit_megabytes,
    make_async_client,
    make_client,
)
from pastiche.cli.contents import (
    check_output,
    check_pipes,
    find_contents,
    make_target,
    open_argument,
    save,
)
from pastiche.cli.exits import Exit, exits_on_error
from pastiche.cli.flags import local_options, with_options, with_sweep_options
from pastiche.cli.painting import Batch, Piece
from pastiche.cli.screen import json_line, line, notice
from pastiche.cli.sweeping import watch_sweep
from pastiche.cli.warning_notices import WarningNotices
from pastiche.client import RetryPolicy

Local = Annotated[
    bool, typer.Option("--local", help="Paint in this process, without a service (needs torch).")
]


@exits_on_error
@with_options
def paint(
    content: Contents,
    style: Styles,
    output: Output,
    local: Local = False,
    format: FormatOption = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **options: Any,
) -> None:
    """Paint a photograph, or a folder of them, in the style of a painting.

    Submits a job, shows its progress, and saves the picture. If the service goes away, the command
    waits until it is back. Ctrl-C does not cancel the job: `pastiche watch` continues.
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    pieces = [Piece(each) for each in find_contents(content, output, format)]
    arguments = {"style": [open_argument(each) for each in style], **options}
    shows = terminal_pictures.should_show(preview)
    if local:
        _paint_locally(pieces, arguments, writes_json=as_json, shows=shows)
    else:
        first = make_async_client(url, key)
        later = make_async_client(url, key, RetryPolicy().for_accepted_job())
        Batch(pieces, arguments, as_json, shows).paint(first, later)


def _paint_locally(
    pieces: list[Piece], arguments: Mapping[str, Any], *, writes_json: bool, shows: bool
) -> None:
    options = local_options(arguments)
    try:
        # Threads that spin while they wait slow painting down a lot beside other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # torch takes seconds to load, and is missing if only the client is installed.
        from pastiche.cli.local_painting import LocalBatch
    except ImportError as error:
        advice = "pip install '.[engine]' in the project's folder"
        notice(f"--local needs the engine ({error.name}): {advice}")
        raise typer.Exit(Exit.USAGE_ERROR) from error
    limit_bytes = round(limit_megabytes() * 1e6)
    LocalBatch(pieces, arguments, options, limit_bytes, writes_json=writes_json).paint(shows=shows)


@exits_on_error
@with_options
def submit(
    content: ContentArgument,
    style: Styles,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **options: Any,
) -> None:
    """Submit a job and print its id, without waiting for the picture."""
    check_pipes([content, *style])
    with make_client(url, key) as client:
        styles = [open_argument(each) for each in style]
        job = client.submit(open_argument(content), styles, **options)
    WarningNotices().show(job.warnings, content)
    if as_json:
        json_line(job.raw)
    else:
        line(job.id)


@exits_on_error
@with_sweep_options
def sweep(
    content: ContentArgument,
    style: Styles,
    output: Output,
    cell: Annotated[
        int, typer.Option(min=32, max=1024, help="The side of each picture, in pixels.")
    ] = 256,
    format: FormatOption = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **options: Any,
) -> None:
    """Paint one pair with several weights, and save a contact sheet with the values under each.

    Several values are separated by commas: --style-weight 0.2,0.5,0.8
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    target = make_target(output, format)
    shows = terminal_pictures.should_show(preview)
    with make_client(url, key) as client:
        styles = [open_argument(each) for each in style]
        sweep = client.submit_sweep(open_argument(content), styles, **options)
        warnings = WarningNotices()
        for member in sweep.jobs:
            warnings.show(member.job.warnings if member.job else (), content)
        sweep = watch_sweep(client, sweep)
        save(client.contact_sheet(sweep, target.format, cell=cell), target)
        if as_json:
            json_line({"output": target.name, "sweep": client.get_sweep(sweep).raw})
        if shows:
            terminal_pictures.show(client.contact_sheet(sweep, cell=cell))
    painted = sum(each.job is not None and each.job.status == "succeeded" for each in sweep.jobs)
    notice(f"{painted} of {len(sweep.jobs)} painted: {target.name}")
    if painted < len(sweep.jobs):
        raise typer.Exit(Exit.UNSUCCESSFUL)
