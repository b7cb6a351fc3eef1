"""The arguments and flags of the commands, with a flag for each option of a submission."""

import os
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, TypeVar, get_origin

import typer

from pastiche.cli.console import OUTPUT_PANEL
from pastiche.cli.help import (
    FREQUENT_OPTIONS,
    PICTURES_PANEL,
    choose_panel,
    summarise,
)
from pastiche.client import AsyncClient, Client, InvalidAddress, RetryPolicy
from pastiche.client.models import Format
from pastiche.job_settings import JOB_SETTINGS
from pastiche.option_values import NumberType
from pastiche.options import OPTIONS, Option, OptionError, Options, encode_option
from pastiche.presets import preset

AnyClient = TypeVar("AnyClient", Client, AsyncClient)
Command = TypeVar("Command", bound=Callable[..., None])

SERVICE_PANEL = "Service"

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="PASTICHE_URL",
        help="The address of the service.",
        metavar="URL",
        rich_help_panel=SERVICE_PANEL,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="PASTICHE_KEY",
        help="The API key, if the service requires one.",
        metavar="KEY",
        rich_help_panel=SERVICE_PANEL,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="For scripts: print one JSON document per line.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Show = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Whether to show the picture in the terminal. By default yes, if it can.",
        show_default=False,
        rich_help_panel=OUTPUT_PANEL,
    ),
]
ContentArgument = Annotated[
    str,
    typer.Argument(
        help="The photograph: a file, an https:// URL, or - for standard input.", metavar="PHOTO"
    ),
]
Contents = Annotated[
    list[str],
    typer.Argument(
        help="The photograph: a file, an https:// URL, or - for standard input. You can name "
        "several, and folders.",
        metavar="PHOTO…",
    ),
]
Styles = Annotated[
    list[str] | None,
    typer.Option(
        "--style",
        "-s",
        help="The painting: a file, an https:// URL, or a style of the service, such as "
        "example:wave. Repeat -s for up to eight.",
        metavar="PAINTING",
    ),
]
JobId = Annotated[str, typer.Argument(help="The job's id.", metavar="ID")]
JobIds = Annotated[list[str], typer.Argument(help="The jobs' ids.", metavar="ID…")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="A file (.png, .jpg, .webp), a folder, or - for standard output. Replaces an "
        "existing file. Without it: PHOTO-in-the-style-of-PAINTING.png here.",
        metavar="OUT",
    ),
]
NoClobber = Annotated[
    bool,
    typer.Option(
        "--no-clobber",
        help="Skip pictures whose file already exists.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Only print how long it would take, without submitting anything.",
        rich_help_panel=SERVICE_PANEL,
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        help="The picture's format, if the file name does not say.", rich_help_panel=OUTPUT_PANEL
    ),
]

DEFAULT_LIMIT_MEGABYTES = 25.0

SERVICE_FLAGS = ("priority", "deadline", "timeout", "keep", "webhook_url", "webhook_events")
"""The job settings that work only with a service."""


def make_client(
    kind: type[AnyClient], url: str, key: str | None, retry_policy: RetryPolicy | None = None
) -> AnyClient:
    """Makes a client for the service that the flags name.

    Raises:
        InvalidAddress: the URL, the key or a proxy of the environment is invalid, or the proxy's
            kind needs a package that is not installed.
    """
    limit = limit_megabytes()
    try:
        return kind(url, key, retry_policy=retry_policy, upload_limit_megabytes=limit)
    except (ValueError, ImportError) as error:  # httpx reads the proxies when a client is made
        raise InvalidAddress(f"The proxy of the environment cannot be used: {error}") from error


def limit_megabytes() -> float:
    """How large a file may be. The service reads the same setting."""
    value = os.environ.get("PASTICHE_UPLOAD_LIMIT_MEGABYTES", "")
    return float(value) if value.isdecimal() else DEFAULT_LIMIT_MEGABYTES


def with_options(command: Command, *, has_axes: bool = False, repeats: bool = False) -> Command:
    """The command, with a flag for each option in place of its `**options`.

    Args:
        has_axes: whether the options that a sweep varies may have several values.
        repeats: whether the defaults come from an earlier picture. Then there is no `--preset`, and
            each switch can be turned off.
    """
    flags: dict[str, Any] = {}
    options = {"preset": JOB_SETTINGS["preset"], **OPTIONS}
    names = dict.fromkeys((*FREQUENT_OPTIONS, *options))
    for option in [options[name] for name in names if not repeats or name != "preset"]:
        is_axis = has_axes and option.sweep
        flags[option.name] = _axis_flag(option) if is_axis else _flag(option, repeats=repeats)
    flags |= _picture_flags() | {name: _flag(JOB_SETTINGS[name]) for name in SERVICE_FLAGS}
    own = signature(command, eval_str=True)
    rest = [each for each in own.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in flags.items()
    ]
    # `inspect.signature`, and so typer, reads this attribute first (PEP 362). It has no type.
    command.__signature__ = own.replace(parameters=[*rest, *more])  # type: ignore[attr-defined]
    return command


def with_sweep_options(command: Command) -> Command:
    """`with_options`, with several values for some options."""
    return with_options(command, has_axes=True)


def with_changed_options(command: Command) -> Command:
    """`with_options`, for a command whose defaults come from an earlier picture."""
    return with_options(command, repeats=True)


def _flag(option: Option, *, repeats: bool = False) -> Any:
    """An option as a flag: a choice, a switch, or text that is parsed as in a form."""
    about: dict[str, Any] = {"help": summarise(option), "rich_help_panel": choose_panel(option)}
    if repeats:
        about["show_default"] = False
    elif option.default is not None:
        about["show_default"] = encode_option(option.default) or "none"
    if option.name == "start":
        about["help"] += " Or the id of an earlier job, to start from its result."
        return Annotated[str | None, typer.Option(**about)]
    if option.annotation is bool:
        name = option.name.replace("_", "-")
        # Off in every preset, but not in every picture.
        switch = f"--{name}/--no-{name}" if repeats else f"--{name}"
        return Annotated[bool | None, typer.Option(switch, **about)]
    about["help"] += f" {option.type.requirement[0].upper()}{option.type.requirement[1:]}."
    if get_origin(option.annotation) is Literal:
        return Annotated[option.annotation | None, typer.Option(**about, metavar="WORD")]
    metavar = "N" if isinstance(option.type, NumberType) else "TEXT"
    return Annotated[Any, typer.Option(**about, parser=_parser(option), metavar=metavar)]


def _axis_flag(option: Option) -> Any:
    parse = _parser(option)
    about = typer.Option(
        help=f"{summarise(option)} Several values are separated by commas.",
        rich_help_panel="Axes",
        show_default=encode_option(option.default),
        parser=lambda text: [parse(each.strip()) for each in text.split(",")],
        metavar="N,N",
    )
    return Annotated[Any, about]


def _parser(option: Option) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return option.parse(text)
        except OptionError as error:
            raise typer.BadParameter(error.sentence) from None

    return parse


def _picture_flags() -> dict[str, Any]:
    panel: dict[str, Any] = {"metavar": "FILE", "rich_help_panel": PICTURES_PANEL}
    several = "Repeat the flag, once for each style."
    masks = typer.Option(help=f"Where each style is painted. {several}", **panel)
    style_masks = typer.Option(help=f"Which part of each style image counts. {several}", **panel)
    start = typer.Option(help="The picture to start from. Implies --start image.", **panel)
    content_map = typer.Option(help="How much each part of the photograph counts.", **panel)
    return {
        "mask": Annotated[list[str] | None, masks],
        "style_mask": Annotated[list[str] | None, style_masks],
        "start_image": Annotated[str | None, start],
        "content_map": Annotated[str | None, content_map],
    }


def local_options(flags: Mapping[str, Any]) -> Options:
    """The options among the flags and pictures, for the engine in this process.

    Raises:
        BadParameter: a flag that needs a service, an invalid option, or one that does not fit the
            number of pictures.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    for name in SERVICE_FLAGS:
        if name in given:
            flag = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{flag} needs a service and does not work with --local.")
    chosen = {name: value for name, value in given.items() if name in OPTIONS}
    if "start_image" in given:
        chosen.setdefault("start", "image")
    try:
        options = preset(given.get("preset", "standard"), **chosen)
        options.check_images(
            styles=len(given["style"]),
            masks=len(given.get("mask", ())),
            style_masks=len(given.get("style_mask", ())),
            start_image="start_image" in given,
        )
    except OptionError as error:
        raise typer.BadParameter(str(error)) from error
    return options
