"""`python -m local serve` and `demo`: the whole service on this machine."""

import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError
from rich.console import Console

from local import LocalError
from local.demo import Submission, demo
from local.supervisor import Ended, Operator, running
from pastiche.standard_streams import replace_unencodable_characters
from shared.redis_connections import hide_login
from shared.settings import Settings

_EXAMPLES = Path("examples/images")
_CHECK_SECONDS = 1.0


def main() -> int:
    """Runs the command. Returns 0 if it succeeded, otherwise prints a message and returns 1."""
    replace_unencodable_characters()
    arguments = _parse_arguments()
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        settings = Settings()
        if arguments.command == "serve":
            serve(settings, console)
        else:
            size = arguments.size
            options = {"preset": "draft"} if size is None else {"size": str(size)}
            submission = Submission(arguments.content, arguments.style, options)
            demo(submission, arguments.output, settings, console)
    except ValidationError as error:
        return _fail(_describe(error))
    except (LocalError, SettingsError) as error:
        return _fail(str(error))
    except Ended:
        return _fail("Stopped.", status=130)
    return 0


def serve(settings: Settings, console: Console) -> None:
    """Starts the service and watches it until Ctrl-C or SIGTERM.

    Raises:
        LocalError: it cannot start, or a part of it dies.
    """
    operator = Operator()
    try:
        with ExitStack() as stack:
            with console.status("Starting Redis, worker and API …"):
                service = stack.enter_context(running(settings, operator))
            worker = service.worker
            console.print(
                f"Pastiche is up: {service.url} (API documentation: {service.url}/docs)",
                soft_wrap=True,
            )
            console.print(f"  painted by  the {worker.backbone} backbone on {worker.device}")
            console.print(f"  data in     {service.data.path}")
            console.print(f"  Redis       {hide_login(service.redis_url)}", soft_wrap=True)
            console.print("  Ctrl-C stops it; jobs and pictures stay.")
            while True:
                service.check()
                operator.wait(_CHECK_SECONDS)
    except Ended:
        console.print("Pastiche is down.")


def _fail(message: str, status: int = 1) -> int:
    Console(stderr=True, highlight=False, markup=False, emoji=False).print(message, soft_wrap=True)
    return status


def _describe(error: ValidationError) -> str:
    return "\n".join(map(_describe_value, error.errors()))


def _describe_value(error: ErrorDetails) -> str:
    name = str(error["loc"][0]).removeprefix("PASTICHE_").upper()
    if name == "REDIS_URL":  # its value may contain a password
        return f"The setting PASTICHE_REDIS_URL is invalid. {error['ctx']['error']}"
    return f"The setting PASTICHE_{name} is {error['input']!r}: {error['msg'].lower()}."


def _parse_arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m local", description="Runs the whole service here.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="start the service and run it until Ctrl-C")
    demo_parser = commands.add_parser("demo", help="start the service and paint one picture")
    demo_parser.add_argument("--content", type=Path, default=_EXAMPLES / "content/harbour.jpg")
    demo_parser.add_argument("--style", type=Path, default=_EXAMPLES / "style/swirls.jpg")
    demo_parser.add_argument("--size", type=int, help="longest side in pixels, instead of a draft")
    demo_parser.add_argument("--output", type=Path, default=Path("demo.png"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
