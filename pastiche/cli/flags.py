"""The flags of a submission: further pictures, and every option of the table."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, TypeVar, get_origin, get_type_hints

import typer

from pastiche.option_kinds import encode_option, kind_of
from pastiche.options import Options, meaning_of, wanted
from pastiche.presets import MEANINGS, Preset

Command = TypeVar("Command", bound=Callable[..., None])

AXES = ("content_weight", "style_weight", "tv_weight", "seed")
"""The options that may have several values in a sweep."""

_STANDARD = Options()
_TYPES = get_type_hints(Options)


def with_options(command: Command) -> Command:
    """Gives a command a flag for every option, in place of its `**options`."""
    return _with_flags(command, {n: _flag(n) for n in _TYPES})


def with_sweep_options(command: Command) -> Command:
    """The same, with several values for the axes of a sweep."""
    options = {name: _axis(name) if name in AXES else _flag(name) for name in _TYPES}
    return _with_flags(command, options)


def _with_flags(command: Command, options: dict[str, Any]) -> Command:
    flags = {**_pictures(), **_presets(), **options, **_scheduling()}
    own = signature(command, eval_str=True)
    named = [each for each in own.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in flags.items()
    ]
    # `inspect.signature`, which typer calls, reads this first (PEP 362); no type declares it.
    command.__signature__ = own.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
    return command


def _flag(name: str) -> Any:
    """An option as a flag: with its type and range if typer knows such types, otherwise as a text
    that is parsed like a form's."""
    kind, meaning = _TYPES[name], meaning_of(name)
    about: dict[str, Any] = {
        "help": meaning.description,
        "rich_help_panel": meaning.group,
        "show_default": encode_option(getattr(_STANDARD, name)) or "none",
    }
    if name == "start":
        about["help"] += " Or the id of an earlier job: its result."
        return Annotated[str | None, typer.Option(**about)]
    if kind in (int, float):
        assert meaning.minimum is not None
        assert meaning.maximum is not None
        ends = {"min": kind(meaning.minimum), "max": kind(meaning.maximum)}
        return Annotated[kind | None, typer.Option(**about, **ends)]
    if kind is bool or get_origin(kind) is Literal:
        return Annotated[kind | None, typer.Option(**about)]
    about["help"] += f" {wanted(name).capitalize()}."
    return Annotated[Any, typer.Option(**about, parser=_reader(name), metavar="TEXT")]


def _axis(name: str) -> Any:
    meaning = meaning_of(name)
    option = typer.Option(
        help=f"{meaning.description} Several values are separated by commas.",
        rich_help_panel="Axes",
        show_default=encode_option(getattr(_STANDARD, name)),
        parser=_several(name),
        metavar="N,N",
    )
    return Annotated[Any, option]


def _reader(name: str) -> Callable[[str], Any]:
    kind = kind_of(_TYPES[name])

    def read(text: str) -> Any:
        try:
            return kind.kept(kind.read(text), _TYPES[name], meaning_of(name))
        except (ValueError, TypeError):
            raise typer.BadParameter(f"must be {wanted(name)}, not {text!r}.") from None

    return read


def _several(name: str) -> Callable[[str], list[Any]]:
    one = _reader(name)
    return lambda text: [one(each.strip()) for each in text.split(",")]


def _pictures() -> dict[str, Any]:
    panel: dict[str, Any] = {"metavar": "FILE", "rich_help_panel": "Further pictures"}
    several = "one for each, by repeating this flag."
    masks = typer.Option(help=f"Where each style is painted: {several}", **panel)
    of_styles = typer.Option(help=f"What of each style counts: {several}", **panel)
    start = typer.Option(help="The start image; implies --start image.", **panel)
    content_map = typer.Option(
        help="How much each place of the photograph counts: white is all, black is nothing.",
        **panel,
    )
    return {
        "mask": Annotated[list[str] | None, masks],
        "style_mask": Annotated[list[str] | None, of_styles],
        "start_image": Annotated[str | None, start],
        "content_map": Annotated[str | None, content_map],
    }


def _presets() -> dict[str, Any]:
    meanings = " ".join(f"{name}: {meaning}" for name, meaning in MEANINGS.items())
    option = typer.Option(help=f"Where the options start from. {meanings}", show_default="standard")
    return {"preset": Annotated[Preset | None, option]}


def _scheduling() -> dict[str, Any]:
    panel = "Scheduling"
    return {
        "priority": Annotated[
            Literal["high", "normal", "low"] | None,
            typer.Option(
                help="Jobs of a higher priority are painted first.", rich_help_panel=panel
            ),
        ],
        "deadline": Annotated[
            float | None,
            typer.Option(help="For how many seconds the job may wait.", rich_help_panel=panel),
        ],
        "webhook_url": Annotated[
            str | None,
            typer.Option(
                help="Receives a signed POST when the job is over.", rich_help_panel=panel
            ),
        ],
    }


SERVICE_FLAGS = ("priority", "deadline", "webhook_url")
"""The flags that only a service understands."""
