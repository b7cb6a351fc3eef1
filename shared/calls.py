"""The call of a Redis script as a value; `shared.job_store` makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.redis_keys import QUEUE, record_key

Reply = TypeVar("Reply")
Argument = str | int | float


@dataclass(frozen=True, slots=True)
class Transition(Generic[Reply]):
    """One call of one script."""

    script: str
    keys: tuple[str, ...]
    arguments: tuple[Argument, ...]
    read: Callable[[Any], Reply]


def on_job(
    script: str,
    job_id: str,
    *arguments: Argument,
    read: Callable[[Any], Reply],
    more_keys: tuple[str, ...] = (),
) -> Transition[Reply]:
    """A call of a script in `shared/scripts/job`."""
    keys = (record_key(job_id), *QUEUE, *more_keys)
    return Transition(f"job/{script}", keys, (job_id, *arguments), read)


def milliseconds(seconds: float) -> int:
    """Whole ones, as the scripts take them."""
    return round(seconds * 1000)
