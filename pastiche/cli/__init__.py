"""The command line. `pastiche` uses a service, or the engine in this process (`--local`)."""

import sys
from importlib.util import find_spec

from pastiche.standard_streams import replace_unencodable_characters

REQUIRED = ("httpx", "httpx_sse", "pydantic", "rich", "tenacity", "typer")


def main() -> None:
    """Runs the command line; if a package is missing, says how to install it."""
    replace_unencodable_characters()
    if not all(find_spec(name) for name in REQUIRED):
        sys.exit(
            "The command line needs more packages: pip install '.[cli]' in the project's folder"
        )
    from pastiche.cli.app import application

    application(prog_name="pastiche")
