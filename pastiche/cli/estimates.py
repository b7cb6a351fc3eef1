"""Prints, for `--dry-run`, how long a submission would take, and what it would cost."""

from pastiche.cli.bars import format_duration
from pastiche.cli.console import json_line, line
from pastiche.client import Estimate


def print_estimate(
    estimate: Estimate, content: str, *, output: str | None = None, writes_json: bool
) -> None:
    """Prints an estimate as a line, or as a JSON document with the names of the photograph and of
    the picture that would be saved."""
    if writes_json:
        names = {"content": content} | ({} if output is None else {"output": output})
        json_line(names | {"estimate": estimate.raw})
        return
    seconds, ahead = estimate.eta_seconds, estimate.queue_position
    pictures = f"{estimate.jobs} pictures, " if estimate.jobs > 1 else ""
    takes = "time unknown" if seconds is None else f"about {format_duration(seconds)}"
    work = f"{estimate.megapixel_iterations:.3g} megapixel iterations"
    line(f"{content}: {pictures}{takes}, {work}, {ahead} jobs ahead")
