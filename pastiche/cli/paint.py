"""`pastiche paint`, `submit` and `sweep`: commands that send pictures."""

import os
import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pastiche.cli.arguments import (
    SERVICE_PANEL,
    ContentArgument,
    Contents,
    DryRun,
    FormatOption,
    Json,
    Key,
    NoClobber,
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
from pastiche.cli.bars import Bars, format_duration
from pastiche.cli.batch import ServiceBatch
from pastiche.cli.console import (
    Exit,
    WarningNotices,
    exits_on_error,
    json_line,
    line,
    notice,
    report_error,
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
from pastiche.client.models import Format
from pastiche.client.requests import DEFAULT_URL, is_reference

SheetOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The file (.png, .jpg or .webp), or - for standard output. An existing file is "
        "replaced.",
        metavar="OUT",
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        help="Paint in this process, without a service (needs torch).",
        rich_help_panel=SERVICE_PANEL,
    ),
]


@exits_on_error
@with_options
def paint(
    content: Contents,
    style: Styles = None,
    output: Output = None,
    no_clobber: NoClobber = False,
    format: FormatOption = None,
    dry_run: DryRun = False,
    local: Local = False,
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
    contents, arguments = _read_arguments(content, style, output, format, options, as_json)
    if no_clobber:
        contents = [each for each in contents if not _exists(each)]
    shows = should_show_pictures(preview)
    if local:
        _paint_locally(contents, arguments, dry_run=dry_run, writes_json=as_json, shows=shows)
    elif dry_run:
        with make_client(Client, url, key) as client:
            _estimate(client, contents, arguments, writes_json=as_json)
    elif contents:
        first = make_client(AsyncClient, url, key)
        later = make_client(AsyncClient, url, key, RetryPolicy().for_accepted_job())
        ServiceBatch(contents, arguments, writes_json=as_json, shows=shows).paint(first, later)


def _read_arguments(
    photographs: list[str],
    styles: list[str] | None,
    output: str | None,
    format: Format | None,
    options: Mapping[str, Any],
    writes_json: bool,
) -> tuple[list[Content], dict[str, Any]]:
    """The photographs, and what they have in common."""
    styles = _check_pictures(photographs, styles)
    check_output(output, writes_json=writes_json)
    contents = find_contents(photographs, styles, output, format)
    return contents, {"style": [open_argument(each) for each in styles], **options}


def _check_pictures(photographs: list[str], styles: list[str] | None) -> list[str]:
    """The styles.

    Raises:
        BadParameter: there are none, or two pictures would be read from standard input.
    """
    if not styles:
        first, *rest = photographs
        example = shlex.join([first, "-s", rest[0] if rest else "painting.jpg"])
        raise typer.BadParameter(
            f"name the painting, as in: pastiche paint {example}", param_hint="--style / -s"
        )
    check_pipes([*photographs, *styles])
    return styles


def _exists(content: Content) -> bool:
    path = content.target.path
    if path is None or not path.exists():
        return False
    notice(f"{content.name} is not painted: {path} exists.")
    return True


def _estimate(
    client: Client, contents: list[Content], arguments: Mapping[str, Any], *, writes_json: bool
) -> None:
    """Prints what each picture would cost."""
    warnings = WarningNotices(name_contents=len(contents) > 1)
    for content in contents:
        estimate = client.estimate(content.picture, **arguments)
        warnings.show(estimate.warnings, content.name)
        if writes_json:
            output = content.target.name
            json_line({"content": content.name, "output": output, "estimate": estimate.raw})
        else:
            seconds, ahead = estimate.eta_seconds, estimate.queue_position
            takes = "time unknown" if seconds is None else f"about {format_duration(seconds)}"
            work = f"{estimate.megapixel_iterations:.3g} megapixel iterations"
            line(f"{content.name}: {takes}, {work}, {ahead} jobs ahead")


def _paint_locally(
    contents: list[Content],
    arguments: Mapping[str, Any],
    *,
    dry_run: bool,
    writes_json: bool,
    shows: bool,
) -> None:
    if dry_run:
        raise typer.BadParameter("--dry-run needs a service: not --local.")
    for picture in (*(each.picture for each in contents), *arguments["style"]):
        if is_reference(picture):
            raise typer.BadParameter(f"{picture} needs a service, which fetches it: not --local.")
    options = local_options(arguments)
    try:
        # Threads that spin while they wait slow painting down a lot beside other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # torch takes seconds to load, and is missing if only the client is installed.
        from pastiche.cli.local_batch import LocalBatch
    except ImportError as error:
        advice = "pip install '.[engine]' in the project's folder"
        report_error(f"--local needs the engine ({error.name}): {advice}")
        raise typer.Exit(Exit.USAGE_ERROR) from error
    batch = LocalBatch(contents, arguments, writes_json=writes_json, shows=shows)
    batch.paint(options, limit_bytes=round(limit_megabytes() * 1e6))


@exits_on_error
@with_options
def submit(
    content: ContentArgument,
    style: Styles = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Submit a job and print its id, without waiting for the picture."""
    styles = [open_argument(each) for each in _check_pictures([content], style)]
    with make_client(Client, url, key) as client:
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
    style: Styles = None,
    output: SheetOutput = "sheet.png",
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
    styles = [open_argument(each) for each in _check_pictures([content], style)]
    check_output(output, writes_json=as_json)
    target = make_target(output, format)
    shows = should_show_pictures(preview)
    with make_client(Client, url, key) as client:
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
