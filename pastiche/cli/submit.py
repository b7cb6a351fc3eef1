"""`pastiche submit` and `sweep`: commands that paint one pair with a service."""

from typing import Annotated, Any

import typer

from pastiche.cli.arguments import (
    ContentArgument,
    DryRun,
    FormatOption,
    Json,
    Key,
    Show,
    Styles,
    Url,
    make_client,
    with_options,
    with_sweep_options,
)
from pastiche.cli.bars import Bars
from pastiche.cli.console import (
    Exit,
    InvalidFile,
    WarningNotices,
    check_standard_output,
    exits_on_error,
    json_line,
    line,
    notice,
    report_error,
    should_show_pictures,
    show_picture,
    showing,
)
from pastiche.cli.contents import (
    check_output,
    check_pictures,
    check_target,
    further_pictures,
    make_target,
    open_argument,
    open_options,
    save,
)
from pastiche.cli.estimates import print_estimate
from pastiche.client import Client, Progress, Sweep
from pastiche.client.requests import DEFAULT_URL

SheetOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The file (.png, .jpg or .webp), or - for standard output. Replaces an existing file.",
        metavar="OUT",
    ),
]


@exits_on_error
@with_options
def submit(
    content: ContentArgument,
    style: Styles = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Submit a job and print its id, without waiting for the picture."""
    check_standard_output()
    names = check_pictures([content], style, further_pictures(options))
    styles, options = [open_argument(each) for each in names], open_options(options)
    with make_client(Client, url, key) as client:
        if dry_run:
            estimate = client.estimate(open_argument(content), styles, **options)
            WarningNotices().show(estimate.warnings, content)
            return print_estimate(estimate, content, writes_json=as_json)
        job = client.submit(open_argument(content), styles, **options)
    WarningNotices().show(job.warnings, content)
    try:
        if as_json:
            json_line(job.raw)
        else:
            line(job.id)
    except InvalidFile:
        report_error(f"The job is submitted: {job.id}")
        raise


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
    dry_run: DryRun = False,
    preview: Show = None,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    **options: Any,
) -> None:
    """Paint one pair with several weights, and save a contact sheet with the values below each.

    Several values are separated by commas: --style-weight 0.2,0.5,0.8
    """
    further = further_pictures(options)
    names = check_pictures([content], style, further)
    check_output(output, writes_json=as_json)
    target = make_target(output, format, [content, *names, *further])
    check_target(target)
    styles, options = [open_argument(each) for each in names], open_options(options)
    shows = should_show_pictures(preview)
    warnings = WarningNotices()
    with make_client(Client, url, key) as client:
        if dry_run:
            estimate = client.estimate_sweep(open_argument(content), styles, **options)
            warnings.show(estimate.warnings, content)
            return print_estimate(estimate, content, output=target.name, writes_json=as_json)
        sweep = client.submit_sweep(open_argument(content), styles, **options)
        for member in sweep.jobs:
            warnings.show(member.job.warnings if member.job else (), content)
        sweep = _watch_sweep(client, sweep)
        place = save(client.contact_sheet(sweep, target.format, cell=cell), target.path)
        if as_json:
            json_line({"output": target.name, "sweep": client.get_sweep(sweep).raw})
        if shows:
            with showing():
                show_picture(client.contact_sheet(sweep, cell=cell))
    painted = sum(each.job is not None and each.job.status == "succeeded" for each in sweep.jobs)
    notice(f"{painted} of {len(sweep.jobs)} painted: {place}")
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
