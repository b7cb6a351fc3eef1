"""Sweeps as records in Redis: one pair of images, a grid of weights, a job for each."""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from shared.calls import Transition, milliseconds
from shared.known_fields import known_fields
from shared.transitions import Once

_SWEEP_ID = re.compile(r"[0-9a-f]{32}")


def is_sweep_id(text: str) -> bool:
    """Whether `text` has the form of a sweep's id."""
    return _SWEEP_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One job of a sweep.

    Attributes:
        values: the options that differ from those of the other jobs.
    """

    job_id: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is stored of a sweep besides its jobs.

    Attributes:
        columns: the number of values of its last axis.
        once: the Redis key of its idempotency key; '' if it has none.
    """

    id: str
    owner: str
    created_at: datetime
    columns: int
    members: tuple[Member, ...]
    once: str = ""

    def to_json(self) -> str:
        record = asdict(self) | {"created_at": self.created_at.astimezone(UTC).isoformat()}
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str) -> "Sweep":
        record = json.loads(text)
        members = tuple(Member(**known_fields(Member, each)) for each in record.pop("members"))
        created_at = datetime.fromisoformat(record.pop("created_at"))
        return cls(**known_fields(cls, record), created_at=created_at, members=members)


def make_sweep_key(sweep_id: str) -> str:
    """The Redis key of a sweep."""
    return f"sweep:{sweep_id}"


def put(
    sweep: Sweep,
    *,
    retention_seconds: int,
    sweeps_per_owner: int,
    sweeps_in_all: int,
    once: Once | None = None,
) -> Transition[bool]:
    """Stores a sweep. Beyond these limits the oldest are deleted, with their idempotency keys.

    Its result is whether the sweep is stored: not if its own key is another request's by now.

    Args:
        once: the idempotency key that gives this sweep from now on.
    """
    limits = (retention_seconds, sweeps_per_owner, sweeps_in_all)
    if once is None:
        return Transition("sweep/keep", _list_keys(sweep), (sweep.to_json(), *limits), bool)
    record = replace(sweep, once=once.kept_key).to_json()
    arguments = (record, *limits, once.token, milliseconds(once.keep_seconds))
    return Transition("sweep/keep", (*_list_keys(sweep), once.kept_key), arguments, bool)


def delete(sweep: Sweep) -> Transition[bool]:
    """Deletes a sweep and its idempotency key. Its result is whether the sweep was stored."""
    return Transition("sweep/forget", _list_keys(sweep), (), bool)


def _list_keys(sweep: Sweep) -> tuple[str, ...]:
    return make_sweep_key(sweep.id), "sweeps:kept", f"sweeps:kept:{sweep.owner}"
