"""`pastiche paint`, `submit` and `sweep`: commands that send pictures."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pastiche.cli.arguments import (
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
    local_options,
    make_client,
    with_options,
    with_sweep_options,
)
from pastiche.cli.bars import Bars
from pastiche.cli.batch import ServiceBatch
from pastiche.cli.console import (
    Exit,
    WarningNotices,
    exits_on_error,
    json_line,
    line,
    notice,
    should_show_pictures,
    show_picture,
)
from pastiche.cli.contents import (
    Content,
    check_output,
    check_pipes,
    find_contents,
    make_target,
    open_argument,
    save,
)
from pastiche.client import AsyncClient, Client, Progress, RetryPolicy, Sweep
from pastiche.client.requests import DEFAULT_URL

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
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Paint a photograph, or a folder of them, in the style of a painting.

    Submits a job, shows its progress, and saves the picture. If the service goes away, the command
    waits until it is back. Ctrl-C does not cancel the job: `pastiche watch` continues.
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    contents = find_contents(content, output, format)
    arguments = {"style": [open_argument(each) for each in style], **options}
    shows = should_show_pictures(preview)
    if local:
        _paint_locally(contents, arguments, writes_json=as_json, shows=shows)
    else:
        first = make_client(AsyncClient, url, key)
        later = make_client(AsyncClient, url, key, RetryPolicy().for_accepted_job())
        ServiceBatch(contents, arguments, writes_json=as_json, shows=shows).paint(first, later)


def _paint_locally(
    contents: list[Content], arguments: Mapping[str, Any], *, writes_json: bool, shows: bool
) -> None:
    options = local_options(arguments)
    try:
        # Threads that spin while they wait slow painting down a lot beside other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # torch takes seconds to load, and is missing if only the client is installed.
        from pastiche.cli.local_batch import LocalBatch
    except ImportError as error:
        advice = "pip install '.[engine]' in the project's folder"
        notice(f"--local needs the engine ({error.name}): {advice}")
        raise typer.Exit(Exit.USAGE_ERROR) from error
    batch = LocalBatch(contents, arguments, writes_json=writes_json, shows=shows)
    batch.paint(options, limit_bytes=round(limit_megabytes() * 1e6))


@exits_on_error
@with_options
def submit(
    content: ContentArgument,
    style: Styles,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Submit a job and print its id, without waiting for the picture."""
    check_pipes([content, *style])
    with make_client(Client, url, key) as client:
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
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Paint one pair with several weights, and save a contact sheet with the values under each.

    Several values are separated by commas: --style-weight 0.2,0.5,0.8
    """
    check_pipes([content, *style])
    check_output(output, writes_json=as_json)
    target = make_target(output, format)
    shows = should_show_pictures(preview)
    with make_client(Client, url, key) as client:
        styles = [open_argument(each) for each in style]
        sweep = client.submit_sweep(open_argument(content), styles, **options)
        warnings = WarningNotices()
        for member in sweep.jobs:
            warnings.show(member.job.warnings if member.job else (), content)
        sweep = _watch_sweep(client, sweep)
        save(client.contact_sheet(sweep, target.format, cell=cell), target.path)
        if as_json:
            json_line({"output": target.name, "sweep": client.get_sweep(sweep).raw})
        if shows:
            show_picture(client.contact_sheet(sweep, cell=cell))
    painted = sum(each.job is not None and each.job.status == "succeeded" for each in sweep.jobs)
    notice(f"{painted} of {len(sweep.jobs)} painted: {target.name}")
    if painted < len(sweep.jobs):
        raise typer.Exit(Exit.UNSUCCESSFUL)


def _watch_sweep(client: Client, sweep: Sweep) -> Sweep:
    """Waits until a sweep is over, and returns it.

    Raises:
        Exit: the user interrupted it; the jobs continue.
    """
    try:
        with Bars() as bars:
            bar = bars.add("sweep")
            for seen in client.watch_sweep(sweep):
                over = sum(each.job is None or each.job.is_over for each in seen.jobs)
                bar.update(Progress(iteration=over, iterations=len(seen.jobs)), "pictures")
    except KeyboardInterrupt:
        notice("The jobs continue: pastiche list")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return seen
