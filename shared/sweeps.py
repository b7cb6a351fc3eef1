"""A sweep: one pair of images, a grid of weights, a job for each."""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from shared.calls import Transition, milliseconds
from shared.known_fields import known_fields
from shared.transitions import Once

AXES = ("content_weight", "style_weight", "tv_weight", "seed")
"""The options that may have several values."""

_SWEEP_ID = re.compile(r"[0-9a-f]{32}")


def is_sweep_id(text: str) -> bool:
    """Whether `text` could be a sweep's name at all."""
    return _SWEEP_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One job of a sweep.

    Attributes:
        values: those of its options that are others in the other jobs.
    """

    job_id: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is kept of a sweep beside its jobs.

    Attributes:
        columns: how many values the last of its axes has.
        once: where in Redis the idempotency key is kept that gives it; '' where there is none.
    """

    id: str
    owner: str
    created_at: datetime
    columns: int
    members: tuple[Member, ...]
    once: str = ""

    def to_json(self) -> str:
        kept = asdict(self) | {"created_at": self.created_at.astimezone(UTC).isoformat()}
        return json.dumps(kept)

    @classmethod
    def from_json(cls, text: str) -> "Sweep":
        kept = json.loads(text)
        members = tuple(Member(**known_fields(Member, each)) for each in kept.pop("members"))
        created_at = datetime.fromisoformat(kept.pop("created_at"))
        return cls(**known_fields(cls, kept), created_at=created_at, members=members)


def sweep_key(sweep_id: str) -> str:
    """Where in Redis it is kept."""
    return f"sweep:{sweep_id}"


def keep(
    sweep: Sweep,
    *,
    keep_seconds: int,
    sweeps_per_owner: int,
    sweeps_in_all: int,
    once: Once | None = None,
) -> Transition[bool]:
    """Keeps a sweep for so long; beyond so many the oldest go, with their idempotency keys. Whether
    it is kept: not where its own key is another request's by now.

    Args:
        once: the idempotency key that is to give this sweep from now on.
    """
    limits = (keep_seconds, sweeps_per_owner, sweeps_in_all)
    if once is None:
        return Transition("sweep/keep", _keys(sweep), (sweep.to_json(), *limits), bool)
    kept = replace(sweep, once=once.kept_key).to_json()
    arguments = (kept, *limits, once.token, milliseconds(once.keep_seconds))
    return Transition("sweep/keep", (*_keys(sweep), once.kept_key), arguments, bool)


def forget(sweep: Sweep) -> Transition[bool]:
    """Keeps a sweep no more, nor its idempotency key; whether it was kept."""
    return Transition("sweep/forget", _keys(sweep), (), bool)


def _keys(sweep: Sweep) -> tuple[str, ...]:
    return sweep_key(sweep.id), "sweeps:kept", f"sweeps:kept:{sweep.owner}"
