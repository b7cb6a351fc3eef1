"""Watches a sweep, with a progress bar."""

import typer

from pastiche.cli.bars import Bars
from pastiche.cli.exits import Exit
from pastiche.cli.screen import notice
from pastiche.client import Client, Progress, Sweep


def watch_sweep(client: Client, sweep: Sweep) -> Sweep:
    """Waits until a sweep is over, and returns it.

    Raises:
        Exit: the user interrupted it; the jobs continue.
    """
    try:
        with Bars() as bars:
            bar = bars.add("sweep")
            for seen in client.watch_sweep(sweep):
                over = sum(each.job is None or each.job.is_over for each in seen.jobs)
                bar.update(Progress(iteration=over, iterations=len(seen.jobs)), "pictures")
    except KeyboardInterrupt:
        notice("The jobs continue: pastiche list")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return seen
