"""The application with all its commands."""

import logging
from typing import Annotated

import typer

from pastiche.cli import doctor, jobs, paint
from pastiche.cli.console import WarningLog
from pastiche.version import __version__

application = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def print_version(is_requested: bool) -> None:
    """Prints the version and exits, if `--version` was given."""
    if is_requested:
        typer.echo(f"pastiche {__version__}")
        raise typer.Exit


@application.callback()
def prepare(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A photograph, painted in the style of a painting."""
    logging.getLogger("pastiche.client").addHandler(WarningLog())


application.command()(paint.paint)
application.command()(paint.submit)
application.command()(jobs.watch)
application.command()(jobs.get)
application.command("list")(jobs.list_jobs)
application.command()(jobs.cancel)
application.command()(jobs.finish)
application.command()(jobs.delete)
application.command()(paint.sweep)
application.command()(doctor.weights)
application.command()(doctor.doctor)
