"""`pastiche paint`, `submit` and `sweep`: pictures and options go out."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pastiche.cli import terminal_pictures
from pastiche.cli.arguments import (
    DEFAULT,
    ContentArgument,
    Contents,
    Json,
    Key,
    Output,
    Show,
    Styles,
    Url,
    WantedFormat,
    async_client_of,
    client_of,
    limit_megabytes,
)
from pastiche.cli.contents import (
    check_output,
    check_pipes,
    contents_of,
    picture_of,
    save,
    target_of,
)
from pastiche.cli.exits import Exit, guarded
from pastiche.cli.flags import local_options, with_options, with_sweep_options
from pastiche.cli.painting import Batch, Piece
from pastiche.cli.screen import json_line, line, notice
from pastiche.cli.sweeping import painted_sweep
from pastiche.cli.warning_notices import WarningNotices
from pastiche.client import Patience

Local = Annotated[
    bool, typer.Option("--local", help="Paint in this process, without a service (loads torch).")
]


@guarded
@with_options
def paint(
    content: Contents,
    style: Styles,
    output: Output,
    local: Local = False,
    format: WantedFormat = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **wishes: Any,
) -> None:
    """Paint a photograph, or a folder of them, in the style of a painting.

    Submits it, shows how it goes, and saves the picture. Should the service go away meanwhile, this
    says so and goes on when it is back; after Ctrl-C the job goes on, and `pastiche watch` with it.
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    pieces = [Piece(each) for each in contents_of(content, output, format)]
    asked = {"style": [picture_of(each) for each in style], **wishes}
    shows = terminal_pictures.is_wanted(preview)
    if local:
        _paint_here(pieces, asked, writes_json=as_json, shows=shows)
    else:
        patient = async_client_of(url, key, Patience().with_a_job_there())
        Batch(pieces, asked, as_json, shows).paint(async_client_of(url, key), patient)


def _paint_here(
    pieces: list[Piece], asked: Mapping[str, Any], *, writes_json: bool, shows: bool
) -> None:
    options = local_options(asked)
    try:
        # Threads that spin while they wait slow down a painting beside other work many times.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # torch takes seconds to load, and is not there where only a client is installed.
        from pastiche.cli.local_painting import LocalBatch
    except ImportError as error:
        wanted = "pip install '.[engine]' in the project's folder"
        notice(f"--local needs the engine ({error.name}): {wanted}")
        raise typer.Exit(Exit.WRONG_USAGE) from error
    limit_bytes = round(limit_megabytes() * 1e6)
    LocalBatch(pieces, asked, options, limit_bytes, writes_json=writes_json).paint(shows=shows)


@guarded
@with_options
def submit(
    content: ContentArgument,
    style: Styles,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **wishes: Any,
) -> None:
    """Submit a job and print its id, without waiting for the picture."""
    check_pipes([content, *style])
    with client_of(url, key) as client:
        styles = [picture_of(each) for each in style]
        job = client.submit(picture_of(content), styles, **wishes)
    WarningNotices().show(job.warnings, content)
    if as_json:
        json_line(job.answer)
    else:
        line(job.id)


@guarded
@with_sweep_options
def sweep(
    content: ContentArgument,
    style: Styles,
    output: Output,
    cell: Annotated[
        int, typer.Option(min=32, max=1024, help="The side of each picture, in pixels.")
    ] = 256,
    format: WantedFormat = None,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT,
    key: Key = None,
    **wishes: Any,
) -> None:
    """Paint one pair with several weights, and save a contact sheet with the values under each.

    Several values are separated by commas: --style-weight 0.2,0.5,0.8
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    target = target_of(output, format)
    shows = terminal_pictures.is_wanted(preview)
    with client_of(url, key) as client:
        styles = [picture_of(each) for each in style]
        sweep = client.sweep(picture_of(content), styles, **wishes)
        warnings = WarningNotices()
        for member in sweep.jobs:
            warnings.show(member.job.warnings if member.job else (), content)
        sweep = painted_sweep(client, sweep)
        save(client.sheet(sweep, target.format, cell=cell), target)
        if as_json:
            json_line({"output": target.name, "sweep": client.look_at_sweep(sweep).answer})
        if shows:
            terminal_pictures.show(client.sheet(sweep, cell=cell))
    painted = sum(each.job is not None and each.job.status == "succeeded" for each in sweep.jobs)
    notice(f"{painted} of {len(sweep.jobs)} painted: {target.name}")
    if painted < len(sweep.jobs):
        raise typer.Exit(Exit.NOT_PAINTED)
