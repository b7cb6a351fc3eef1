"""A sweep: one pair of images, a grid of weights, a job for each."""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from shared.job_store import Argument, Transition, milliseconds
from shared.stored_json import known_fields
from shared.transitions import IdempotencyKey

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


def store(
    sweep: Sweep,
    *,
    ttl_seconds: int,
    sweeps_per_owner: int,
    sweeps_in_all: int,
    idempotency_key: IdempotencyKey | None = None,
) -> Transition[bool]:
    """Stores a sweep for so long; beyond the limits the oldest go, with their idempotency keys.
    Whether it is stored: not where its own key is another request's by now.

    Args:
        idempotency_key: gives this sweep from now on.
    """
    key = idempotency_key
    stored = replace(sweep, once=key.redis_key) if key else sweep
    arguments: dict[str, Argument] = {
        "stored": stored.to_json(),
        "ttl_seconds": ttl_seconds,
        "per_owner": sweeps_per_owner,
        "in_all": sweeps_in_all,
        "token": key.token if key else "",
        "key_ttl_ms": milliseconds(key.ttl_seconds) if key else 0,
    }
    keys = _keys(sweep) | {"idempotency": key.redis_key if key else None}
    return Transition("sweep/store", keys, arguments, bool)


def delete(sweep: Sweep) -> Transition[bool]:
    """Deletes a sweep, and its idempotency key; whether it was stored."""
    return Transition("sweep/delete", _keys(sweep), {}, bool)


def _keys(sweep: Sweep) -> dict[str, str | None]:
    return {
        "sweep": sweep_key(sweep.id),
        "all": "sweeps:kept",
        "owned": f"sweeps:kept:{sweep.owner}",
    }
