"""Interrupts long computations by a function that they call between their steps."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")


def no_check() -> None:
    """Never interrupts."""


_check: ContextVar[Callable[[], None]] = ContextVar("check", default=no_check)


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Within the context, `check` is called often. An exception that it raises ends the work."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_interruption() -> None:
    """Calls the check. A long computation calls this between steps of well under half a second."""
    _check.get()()


def interruptibly(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, with a check before each."""
    for item in items:
        check_interruption()
        yield item
