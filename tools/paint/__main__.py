"""`python -m tools.paint gallery` and `strips`: paint the pictures of the documentation."""

import sys
from argparse import ArgumentParser, Namespace

from rich.console import Console

from local import LocalError
from local.supervisor import Ended
from shared.settings import Settings
from tools.paint.gallery import gallery
from tools.paint.strips import strips


def main() -> None:
    """Paints. Exits with 1 and a message if it cannot, and with 130 if it is interrupted."""
    arguments = _parse_arguments()
    console = Console(highlight=False)
    try:
        if arguments.command == "gallery":
            gallery(Settings(), console)
        else:
            strips(Settings(), console, arguments.only)
    except LocalError as error:
        sys.exit(str(error))
    except Ended:
        sys.exit(130)


def _parse_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m tools.paint", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("gallery", help="the README's picture and the contact sheet")
    several = commands.add_parser("strips", help="one strip for each option, with its effect")
    several.add_argument("--only", metavar="NAME", help="only this strip: alpha, masks, …")
    return parser.parse_args()


if __name__ == "__main__":
    main()
