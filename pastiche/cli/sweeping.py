"""A sweep, watched with a bar until all its jobs are over."""

import typer

from pastiche.cli.bars import Bars
from pastiche.cli.exits import Exit
from pastiche.cli.screen import notice
from pastiche.client import Client, Progress, Sweep


def painted_sweep(client: Client, sweep: Sweep) -> Sweep:
    """The sweep, once it is over.

    Raises:
        Exit: the user wants this to end; the jobs go on.
    """
    try:
        with Bars() as bars:
            bar = bars.add("sweep")
            for seen in client.watch_sweep(sweep):
                over = sum(each.job is None or each.job.is_over for each in seen.jobs)
                bar.reached(Progress(iteration=over, iterations=len(seen.jobs)), "pictures")
    except KeyboardInterrupt:
        notice("The jobs go on: pastiche list")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return seen
