"""What is looked at across all jobs: which are next, what is to be set right, and who does it."""

from dataclasses import dataclass
from typing import Any

from shared.calls import Transition, milliseconds
from shared.errors import DamagedRecord
from shared.jobs import LANES, Job, Status
from shared.redis_keys import DEADLINES, DEBRIS, INDEX, OVER, RUNNING, TURNS, WAITING, WORK
from shared.transitions import EXACT, Place, read_job


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


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of an owner's list.

    Attributes:
        jobs: the newest first.
        damaged: what is wrong with records that cannot be read, and are left out.
        rest: the place after which the list goes on; None at its end.
    """

    jobs: list[Job]
    damaged: list[str]
    rest: str | None


def listed(
    owner: str, *, before: str, limit: int, status: Status | None, most: int
) -> Transition[Listed]:
    """The newest jobs of an owner.

    Args:
        before: the place after which the list goes on; empty for its beginning.
        status: that they have; None for any.
        most: how many are looked at.
    """
    keys = (INDEX, WAITING, RUNNING, WORK)
    return Transition("list", keys, (owner, before, limit, status or "", most, EXACT), _listed)


def lead(role: str, name: str, *, lease_seconds: float) -> Transition[bool]:
    """Whether `name` is the one that has this role, for the next so many seconds."""
    return Transition("lead", (f"leader:{role}",), (name, milliseconds(lease_seconds)), bool)


def _due(reply: Any) -> Due:
    silent, late, old, untidy, unannounced = reply
    pairs = zip(untidy[::2], map(float, untidy[1::2]), strict=True)
    return Due(silent, late, old, list(pairs), max(0, int(unannounced)))


def _listed(reply: Any) -> Listed:
    rest, replies = reply
    jobs, damaged = [], []
    for each in replies:
        try:
            job = read_job(each)
        except DamagedRecord as error:
            damaged.append(str(error))
            continue
        if job is not None:
            jobs.append(job)
    return Listed(jobs, damaged, rest or None)


def _outlook(reply: Any) -> Outlook:
    position, work_ahead = reply
    return Outlook(int(position), float(work_ahead))
