"""The application with all its commands."""

import logging
from functools import partial
from typing import Annotated

import typer

from pastiche.cli import doctor, jobs, paint, submit
from pastiche.cli.console import WarningLog
from pastiche.cli.help import Command, PaintingCommand, examples
from pastiche.version import __version__

DOCUMENTATION = "https://github.com/pastiche-art/pastiche/tree/main/docs"
ISSUES = "https://github.com/pastiche-art/pastiche/issues"
"""The project's addresses; a test compares them with those in its metadata."""

application = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="\n\n".join(
        (
            f"Documentation: {DOCUMENTATION}",
            f"Report a problem: {ISSUES}",
            examples("pastiche paint me.jpg -s wave.jpg", "pastiche paint --help"),
        )
    ),
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
    """Paint a photograph in the style of a painting."""
    logging.getLogger("pastiche.client").addHandler(WarningLog())


PAINTING = "Painting"
JOBS = "Jobs"
MACHINE = "This machine"

register = partial(application.command, rich_help_panel=PAINTING, cls=PaintingCommand)
register(
    epilog=examples(
        "pastiche paint me.jpg -s wave.jpg",
        "pastiche paint me.jpg -s example:wave -o me.png --size 1024",
        "pastiche paint holiday/*.jpg -s wave.jpg -o painted --no-clobber",
        "pastiche paint https://example.org/me.jpg -s wave.jpg -s fire.jpg --dry-run",
        "pastiche paint me.jpg -s wave.jpg --local --preset draft",
    )
)(paint.paint)
register(
    epilog=examples(
        "pastiche again picture.png --size 2048 -o large.png",
        "pastiche again picture.png -c you.jpg",
        "pastiche again picture.png -c me.jpg -s wave.jpg --local",
    )
)(paint.again)
register(
    epilog=examples(
        "pastiche sweep me.jpg -s wave.jpg --style-weight 0.2,0.5,0.8",
        "pastiche sweep me.jpg -s wave.jpg -o seeds.png --seed 1,2,3 --start noise",
    )
)(submit.sweep)
register(
    epilog=examples("id=$(pastiche submit me.jpg -s wave.jpg)", "pastiche watch $id -o me.png")
)(submit.submit)

register = partial(application.command, rich_help_panel=JOBS, cls=Command)
register(epilog=examples("pastiche watch ID -o me.png"))(jobs.watch)
register(epilog=examples("pastiche get ID", "pastiche get ID -o me.webp"))(jobs.get)
register("list", epilog=examples("pastiche list --status running"))(jobs.list_jobs)
register("open", epilog=examples("pastiche open ID", "pastiche open ID --picture"))(jobs.open_job)
register(epilog=examples("pastiche cancel ID", "pastiche cancel FIRST_ID SECOND_ID"))(jobs.cancel)
register(epilog=examples("pastiche finish ID -o so-far.png"))(jobs.finish)
register(epilog=examples("pastiche delete ID", "pastiche delete FIRST_ID SECOND_ID --yes"))(
    jobs.delete
)

register = partial(application.command, rich_help_panel=MACHINE)
register(epilog=examples("pastiche weights", "pastiche weights vgg16"))(doctor.weights)
register(epilog=examples("pastiche doctor", "pastiche doctor --url https://pastiche.example.org"))(
    doctor.doctor
)


@application.command(
    "help",
    rich_help_panel=MACHINE,
    epilog=examples("pastiche help paint", "pastiche help"),
)
def show_help(
    context: typer.Context,
    command: Annotated[str | None, typer.Argument(help="The command. Omit it for all.")] = None,
) -> None:
    """Show the help of a command, as its --help does."""
    root = context.find_root()
    words = [] if command is None else [command]
    root.command.main([*words, "--help"], prog_name=root.info_name)
