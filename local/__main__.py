"""`python -m local serve` and `demo`: the whole service on this machine."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from local.demo import demo
from local.errors import LocalError
from local.jobs import Submission
from local.serve import serve
from local.signals import Ended
from shared.settings import Settings

_EXAMPLES = Path("examples/images")


def main() -> int:
    """Runs the command; 0 where it went well, 1 with a sentence where it did not."""
    arguments = _parser().parse_args()
    console = Console(highlight=False)
    try:
        settings = Settings()
        _run(arguments, settings, console)
    except ValidationError as error:
        return _fail(_sentence(error))
    except LocalError as error:
        return _fail(str(error))
    except Ended:
        return _fail("Stopped.", status=130)
    return 0


def _fail(sentence: str, status: int = 1) -> int:
    Console(stderr=True, highlight=False, markup=False).print(sentence, soft_wrap=True)
    return status


def _sentence(error: ValidationError) -> str:
    """Which setting has which value that cannot be used."""
    return "\n".join(
        f"The setting PASTICHE_{str(each['loc'][0]).removeprefix('PASTICHE_').upper()} is "
        f"{each['input']!r}: {each['msg'].lower()}."
        for each in error.errors()
    )


def _run(arguments: Namespace, settings: Settings, console: Console) -> None:
    match arguments.command:
        case "serve":
            serve(settings, console)
        case "demo":
            submission = Submission(
                arguments.content, arguments.style, {"size": str(arguments.size)}
            )
            demo(submission, arguments.output, settings, console)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m local", description="The whole service, here.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="start it, until Ctrl-C")
    one = commands.add_parser("demo", help="paint one picture through it")
    one.add_argument("--content", type=Path, default=_EXAMPLES / "content/harbour.jpg")
    one.add_argument("--style", type=Path, default=_EXAMPLES / "style/swirls.jpg")
    one.add_argument("--size", type=int, default=256, help="longest side in pixels")
    one.add_argument("--output", type=Path, default=Path("demo.png"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
