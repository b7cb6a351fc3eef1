"""Ctrl-C, SIGTERM and SIGHUP end a command at its next look, never in the middle of a step."""

import signal
from time import monotonic, sleep
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_AGAIN_SECONDS = 0.05


class Ended(Exception):
    """The operator wants the command to end."""


class Operator:
    """Whether somebody wants the command to end: checked wherever it waits.

    A signal that raised wherever it happens to strike could strike between the start of a process
    and the note to stop it.
    """

    def __init__(self) -> None:
        self._wants_end = False
        for each in _ENDING:
            signal.signal(each, self._end)

    def wait(self, seconds: float) -> None:
        """Waits; raises Ended as soon as the command is to end."""
        until = monotonic() + seconds
        while not self._wants_end and monotonic() < until:
            sleep(_LOOK_AGAIN_SECONDS)
        if self._wants_end:
            raise Ended

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._wants_end = True
