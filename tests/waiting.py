"""Waits for a state; for a time only where the time is the point, as in a fault that lasts."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

Found = TypeVar("Found")

TIMEOUT_SECONDS = 180.0
"""How long a test waits for what takes seconds on an idle machine."""

_LOOK_AGAIN_SECONDS = 0.02


def until(look: Callable[[], Found], *, timeout_seconds: float = TIMEOUT_SECONDS) -> Found:
    """The first truthy answer of `look`; AssertionError where it never comes."""
    late = monotonic() + timeout_seconds
    while monotonic() < late:
        found = look()
        if found:
            return found
        sleep(_LOOK_AGAIN_SECONDS)
    raise AssertionError(f"What was waited for did not come within {timeout_seconds} s.")


def pause(seconds: float) -> None:
    """Lets time pass."""
    sleep(seconds)
