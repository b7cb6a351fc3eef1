"""`make serve`: the service, up until it is stopped."""

from contextlib import ExitStack

from rich.console import Console

from local.service import running
from local.signals import Ended, Operator
from shared.settings import Settings

_CHECK_SECONDS = 1.0


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
                f"Pastiche is up: {service.url} (for programs: {service.url}/docs)",
                soft_wrap=True,
            )
            console.print(f"  painted by  the {worker.backbone} backbone on {worker.device}")
            console.print(f"  data in     {service.data.path}")
            console.print(f"  Redis       {service.redis_url}", soft_wrap=True)
            console.print("  Ctrl-C stops it; jobs and pictures stay.")
            while True:
                service.check()
                operator.wait(_CHECK_SECONDS)
    except Ended:
        console.print("Pastiche is down.")
