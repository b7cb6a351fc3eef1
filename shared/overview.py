"""What is looked at across all jobs: which are next, what is to be set right, and who does it."""

from dataclasses import dataclass
from typing import Any

from shared.calls import Transition, milliseconds
from shared.jobs import LANES
from shared.redis_keys import DEADLINES, DEBRIS, INDEX, OVER, RUNNING, TURNS, WAITING, WORK
from shared.transitions import EXACT, Place


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be set right.

    Attributes:
        silent: running jobs whose worker fell silent.
        late: waiting jobs that are past their deadline.
        old: jobs that are past their retention.
        untidy: jobs whose blobs are to be looked through, and by when that was due.
        unannounced: for how many waiting jobs there is no message.
    """

    silent: list[str]
    late: list[str]
    old: list[str]
    untidy: list[tuple[str, float]]
    unannounced: int


def due(messages_key: str, *, limit: int) -> Transition[Due]:
    """What is to be set right by now, so many of each at most."""
    keys = (WAITING, DEADLINES, RUNNING, OVER, DEBRIS, messages_key)
    return Transition("due", keys, (limit,), _due)


def heads(count: int) -> Transition[list[str]]:
    """The jobs that are to be painted next."""
    return Transition("heads", (WAITING,), (count,), list)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where in the queue a job would come.

    Attributes:
        position: how many jobs would wait before it.
        work_ahead: how much would be painted before it, in pixels times iterations.
    """

    position: int
    work_ahead: float


def estimate(place: Place) -> Transition[Outlook]:
    """Where in the queue a job of this caller and priority would come now."""
    keys = (WAITING, TURNS, WORK, RUNNING)
    return Transition(
        "estimate", keys, (LANES.index(place.priority), place.caller, EXACT), _outlook
    )


def listed(owner: str, *, before: str, limit: int) -> Transition[list[str]]:
    """The newest jobs of an owner, each as its place in the list, which ends with its id.

    Args:
        before: the place after which the list goes on; empty for its beginning.
    """
    return Transition("list", (INDEX,), (owner, before, limit), list)


def lead(role: str, name: str, *, lease_seconds: float) -> Transition[bool]:
    """Whether `name` is the one that has this role, for the next so many seconds."""
    return Transition("lead", (f"leader:{role}",), (name, milliseconds(lease_seconds)), bool)


def _due(reply: Any) -> Due:
    silent, late, old, untidy, unannounced = reply
    pairs = zip(untidy[::2], map(float, untidy[1::2]), strict=True)
    return Due(silent, late, old, list(pairs), max(0, int(unannounced)))


def _outlook(reply: Any) -> Outlook:
    position, work_ahead = reply
    return Outlook(int(position), float(work_ahead))
