"""`pastiche` on the command line: a service is asked, or the engine is run here (`--local`)."""

import sys
from importlib.util import find_spec

NEEDED = ("httpx", "rich", "typer")


def main() -> None:
    """Runs the command line; says in a sentence what it lacks where it lacks something."""
    if not all(find_spec(name) for name in NEEDED):
        sys.exit(
            "The command line needs more than the library: pip install '.[cli]' "
            "in the project's folder"
        )
    from pastiche.cli.application import application

    application(prog_name="pastiche")
