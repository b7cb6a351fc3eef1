"""A painting as spans, one after another: what prepares it, then its iterations block by block."""

from dataclasses import dataclass, replace
from time import time_ns

from pastiche.engine.progress import Progress
from shared import tracing

BLOCK_SECONDS = 2.0
"""How long the iterations of one span take: an hour of painting has two thousand spans at most."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Iterations of one scale, from the first to the last, and when they were done."""

    scale: int
    first: int
    last: int
    objective: float
    began_ns: int
    ended_ns: int


class Blocks:
    """Those of one painting, made where it begins. Each is recorded when it is over."""

    def __init__(self, every_seconds: float = BLOCK_SECONDS) -> None:
        self._every_ns = round(every_seconds * 1e9)
        self._since_ns = time_ns()
        self._block: _Block | None = None

    def begin(self) -> None:
        """All is prepared, the first iteration begins."""
        began_ns, self._since_ns = self._since_ns, time_ns()
        tracing.TRACER.start_span("prepare", start_time=began_ns).end(self._since_ns)

    def note(self, progress: Progress) -> None:
        """One more iteration is done."""
        if self._block is not None and self._block.scale != progress.scale:
            self.end()
        before = self._block or _Block(
            progress.scale, progress.iteration, 0, 0.0, self._since_ns, self._since_ns
        )
        total = progress.losses["total"]
        now = time_ns()
        self._block = replace(before, last=progress.iteration, objective=total, ended_ns=now)
        if now - self._block.began_ns >= self._every_ns:
            self.end()

    def end(self) -> None:
        """Tells the newest block as it stands."""
        if self._block is None:
            return
        block, self._block = self._block, None
        attributes = {
            "pastiche.scale": block.scale,
            "pastiche.iteration.first": block.first,
            "pastiche.iteration.last": block.last,
            "pastiche.objective": block.objective,
        }
        self._since_ns = block.ended_ns
        span = tracing.TRACER.start_span(
            "iterations", attributes=attributes, start_time=block.began_ns
        )
        span.end(block.ended_ns)
