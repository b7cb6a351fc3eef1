"""`pastiche paint` and `again`: commands that save a picture for each photograph."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pastiche.cli.arguments import (
    SERVICE_PANEL,
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
    with_changed_options,
    with_options,
)
from pastiche.cli.batch import ServiceBatch
from pastiche.cli.console import (
    Exit,
    WarningNotices,
    exits_on_error,
    notice,
    report_error,
    should_show_pictures,
)
from pastiche.cli.contents import (
    Content,
    check_output,
    check_pictures,
    check_standard_input,
    check_target,
    describe_picture,
    find_contents,
    further_pictures,
    make_repeated_content,
    open_argument,
    open_options,
)
from pastiche.cli.earlier_picture import (
    check_job,
    find_missing,
    read_earlier_picture,
    repeat_options,
    require_pictures,
)
from pastiche.cli.estimates import print_estimate
from pastiche.client import AsyncClient, Client, RetryPolicy
from pastiche.client.models import Format
from pastiche.client.requests import DEFAULT_URL, is_reference

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

    Submits a job, shows its progress, and saves the picture. If the service becomes unreachable,
    the command waits until it is back. Ctrl-C does not cancel the job: `pastiche watch` continues.
    """
    _paint(
        *(content, style, output, no_clobber, format, dry_run, local, preview, as_json, url, key),
        options,
    )


@exits_on_error
@with_changed_options
def again(
    picture: Annotated[
        str, typer.Argument(help="The picture whose settings to repeat.", metavar="PICTURE")
    ],
    content: Annotated[
        list[str] | None,
        typer.Option(
            "--content",
            "-c",
            help="The photograph, as for `pastiche paint`. Repeat -c for several.",
            metavar="PHOTO",
        ),
    ] = None,
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
    """Paint with the settings of an earlier picture, which are stored in its file.

    Options that you give replace its own. Without --content or --style, the service that painted it
    uses its photograph or painting again, as long as it retains the job.
    """
    changed = {name: value for name, value in options.items() if value is not None}
    # This must be checked before standard input is read.
    check_standard_input([picture, *(content or ()), *(style or ()), *further_pictures(changed)])
    missing = find_missing(content, style, changed)
    if local:
        require_pictures(missing)
    earlier, name = read_earlier_picture(picture), describe_picture(picture)
    repeated = repeat_options(
        earlier, name, changed, styles=len(style or ()), reuses_start=not content
    )
    if missing:
        with make_client(Client, url, key) as client:
            repeated["pictures_of"] = check_job(client, earlier.job_id, name, missing)
    _paint(
        *(content, style, output, no_clobber, format, dry_run, local, preview, as_json, url, key),
        repeated,
        repeats=picture,
    )


def _paint(
    content: list[str] | None,
    style: list[str] | None,
    output: str | None,
    no_clobber: bool,
    format: Format | None,
    dry_run: bool,
    local: bool,
    preview: bool | None,
    as_json: bool,
    url: str,
    key: str | None,
    options: Mapping[str, Any],
    repeats: str | None = None,
) -> None:
    check_output(output, writes_json=as_json)
    contents = _find_contents(content, style, output, format, further_pictures(options), repeats)
    styles = [open_argument(each) for each in style or ()]
    arguments = {"style": styles, **open_options(options)}
    if no_clobber:
        contents = [each for each in contents if not _exists(each)]
    for each in contents:
        check_target(each.target, makes_folder=True)
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


def _find_contents(
    photographs: list[str] | None,
    styles: list[str] | None,
    output: str | None,
    format: Format | None,
    further: list[str],
    repeats: str | None,
) -> list[Content]:
    """The photographs, and where their pictures are saved.

    Args:
        further: other pictures that are read.
        repeats: an earlier picture. If there are no photographs or no styles, the service has them.
    """
    if repeats is None:
        photographs = photographs or []
        return find_contents(
            photographs, check_pictures(photographs, styles, further), output, format, further
        )
    if photographs:
        further = [*further, repeats]
        return find_contents(photographs, styles or [repeats], output, format, further)
    return [make_repeated_content(repeats, styles or (), output, format, further)]


def _exists(content: Content) -> bool:
    path = content.target.path
    if path is None or not os.path.exists(path):
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
        output = content.target.name
        print_estimate(estimate, content.name, output=output, writes_json=writes_json)


def _paint_locally(
    contents: list[Content],
    arguments: Mapping[str, Any],
    *,
    dry_run: bool,
    writes_json: bool,
    shows: bool,
) -> None:
    for picture in (*(each.picture for each in contents), *arguments["style"]):
        if is_reference(picture):
            sentence = f"{picture} must be fetched by a service, which --local does not use."
            raise typer.BadParameter(sentence)
    options = local_options(arguments)
    try:
        # Threads that spin while waiting slow painting down a lot if the machine does other work.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        # torch takes seconds to load, and may not be installed.
        from pastiche.cli.local_batch import LocalBatch
    except ImportError as error:
        advice = "pip install '.[engine]' in the project's folder"
        report_error(f"--local needs the engine ({error.name}): {advice}")
        raise typer.Exit(Exit.USAGE_ERROR) from error
    batch = LocalBatch(contents, arguments, writes_json=writes_json, shows=shows)
    act = batch.estimate if dry_run else batch.paint
    act(options, limit_bytes=round(limit_megabytes() * 1e6))
