"""Queries across all jobs: which are next, what the reconciler has to do, and who leads."""

from dataclasses import dataclass
from typing import Any

from shared.errors import DamagedRecord
from shared.job_records import job_from_reply
from shared.job_store import Argument, Transition, milliseconds
from shared.jobs import LANES, Job, Status
from shared.redis_keys import JOB_KEYS
from shared.transitions import EXACT, Place


@dataclass(frozen=True, slots=True)
class Due:
    """What the reconciler has to do.

    Attributes:
        lost: running jobs whose lease has run out.
        late: queued jobs that are past their deadline.
        old: jobs that are past their retention.
        unclean: jobs whose blobs are to be cleaned up, and by when that was due.
        unannounced: for how many queued jobs there is no message.
    """

    lost: list[str]
    late: list[str]
    old: list[str]
    unclean: list[tuple[str, float]]
    unannounced: int


def due(messages_key: str, *, limit: int) -> Transition[Due]:
    """What has to be done by now, so many of each at most."""
    keys = _keys("waiting", "deadlines", "running", "finished", "cleanup")
    return Transition("due", keys | {"messages": messages_key}, {"limit": limit}, _due)


def next_jobs(limit: int) -> Transition[list[str]]:
    """The jobs that are to be painted next."""
    return Transition("next_jobs", _keys("waiting"), {"limit": limit}, list)


@dataclass(frozen=True, slots=True)
class QueueEstimate:
    """Where in the queue a job would come.

    Attributes:
        position: how many jobs would wait before it.
        work_ahead: how much would be painted before it, in pixels times iterations.
    """

    position: int
    work_ahead: float


def estimate(place: Place) -> Transition[QueueEstimate]:
    """Where in the queue a job of this caller and priority would come now."""
    keys = _keys("waiting", "turns", "work_left", "running")
    lane = LANES.index(place.priority)
    arguments: dict[str, Argument] = {"lane": lane, "caller": place.caller, "exact": EXACT}
    return Transition("estimate", keys, arguments, _estimate)


@dataclass(frozen=True, slots=True)
class JobPage:
    """A part of an owner's list.

    Attributes:
        jobs: the newest first.
        damaged: what is wrong with records that cannot be read, and are left out.
        rest: the place after which the list goes on; None at its end.
    """

    jobs: list[Job]
    damaged: list[str]
    rest: str | None


def list_jobs(
    owner: str, *, before: str, limit: int, status: Status | None, most: int
) -> Transition[JobPage]:
    """The newest jobs of an owner.

    Args:
        before: the place after which the list goes on; empty for its beginning.
        status: that they have; None for any.
        most: how many are read.
    """
    keys = _keys("index", "waiting", "running", "work_left")
    arguments: dict[str, Argument] = {
        "owner": owner,
        "before": before,
        "limit": limit,
        "status": status or "",
        "most": most,
        "exact": EXACT,
    }
    return Transition("list_jobs", keys, arguments, _page)


def lead(role: str, name: str, *, lease_seconds: float) -> Transition[bool]:
    """Whether `name` is the one that has this role, for the next so many seconds."""
    arguments: dict[str, Argument] = {"name": name, "lease_ms": milliseconds(lease_seconds)}
    return Transition("lead", {"leader": f"leader:{role}"}, arguments, bool)


def _keys(*names: str) -> dict[str, str]:
    return {name: JOB_KEYS[name] for name in names}


def _due(reply: Any) -> Due:
    lost, late, old, unclean, unannounced = reply
    pairs = zip(unclean[::2], map(float, unclean[1::2]), strict=True)
    return Due(lost, late, old, list(pairs), max(0, int(unannounced)))


def _page(reply: Any) -> JobPage:
    rest, replies = reply
    jobs, damaged = [], []
    for each in replies:
        try:
            job = job_from_reply(each)
        except DamagedRecord as error:
            damaged.append(str(error))
            continue
        if job is not None:
            jobs.append(job)
    return JobPage(jobs, damaged, rest or None)


def _estimate(reply: Any) -> QueueEstimate:
    position, work_ahead = reply
    return QueueEstimate(int(position), float(work_ahead))
