"""Formats the help: frequent options first, the others with `--help-all`, examples at the end."""

import re
import sys
from contextlib import redirect_stdout
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from pastiche.cli.console import Exit
from pastiche.job_settings import JOB_SETTINGS
from pastiche.options import OPTIONS, Option

FREQUENT_OPTIONS = ("preset", "size", "style_weight", "style_scale", "colour", "seed")
"""The options that the help of a command shows, of more than forty."""

FREQUENT_PANEL = "Painting"
PICTURES_PANEL = "Further pictures"

_RARE_PANELS = {
    PICTURES_PANEL,
    *(each.group for each in (*OPTIONS.values(), *JOB_SETTINGS.values())),
}
_SHOWS_ALL = "pastiche.shows_all"


def _show_all(ctx: Any, _: object, is_requested: bool) -> None:
    if is_requested:
        ctx.meta[_SHOWS_ALL] = True
        typer.echo(ctx.get_help())
        ctx.exit()


_HELP_ALL = TyperOption(
    param_decls=["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_all,
    help="Show every option and exit.",
)


class Command(TyperCommand):
    """A command that prints its help if it needs arguments and gets none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments. If they are missing, prints the help to standard error."""
        needs_arguments = any(each.required for each in self.params)
        is_completion = ctx.resilient_parsing
        if not args and needs_arguments and not is_completion:
            with redirect_stdout(sys.stderr):
                typer.echo(ctx.get_help())
            ctx.exit(Exit.USAGE_ERROR)
        return super().parse_args(ctx, args)


class PaintingCommand(Command):
    """A command with a flag for each option. Its help shows only the frequent ones."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with `--help-all` before `--help`."""
        *own, last = super().get_params(ctx)
        return [*own, _HELP_ALL, last]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Prints the help: all of it if `--help-all` is given."""
        options = [each for each in self.params if isinstance(each, TyperOption)]
        shown = [(each, each.hidden, each.default, each.show_default) for each in options]
        for each in options:
            if each.rich_help_panel in _RARE_PANELS and not ctx.meta.get(_SHOWS_ALL):
                each.hidden = True
            if isinstance(each.show_default, str):  # typer shows a text in parentheses
                each.default, each.show_default = each.show_default, True
        try:
            super().format_help(ctx, formatter)
        finally:
            for each, hidden, default, show_default in shown:
                each.hidden, each.default, each.show_default = hidden, default, show_default


def choose_panel(option: Option) -> str:
    """The group of an option in the help."""
    return FREQUENT_PANEL if option.name in FREQUENT_OPTIONS else option.group


def summarise(option: Option) -> str:
    """What an option does: in a few words if it is frequent, otherwise in a sentence."""
    end = r"[.:;] " if option.name in FREQUENT_OPTIONS else r"\. "
    return re.split(end, option.description)[0].rstrip(".") + "."


def examples(*lines: str) -> str:
    """The examples at the end of a command's help."""
    return "\n\n".join(("Examples:", "```text\n" + "\n".join(lines) + "\n```"))
