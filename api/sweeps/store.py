"""Sweeps as records in Redis: one pair of images, a grid of weights, a job for each."""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from shared.job_store import Argument, Transition, milliseconds
from shared.stored_json import known_fields
from shared.transitions import IdempotencyKey

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
    idempotency_key: IdempotencyKey | None = None,
) -> Transition[bool]:
    """Stores a sweep. Beyond these limits the oldest are deleted, with their idempotency keys.

    Its result is whether the sweep is stored: not if its own key is another request's by now.

    Args:
        idempotency_key: gives this sweep from now on.
    """
    key = idempotency_key
    stored = replace(sweep, once=key.redis_key) if key else sweep
    arguments: dict[str, Argument] = {
        "stored": stored.to_json(),
        "ttl_seconds": retention_seconds,
        "per_owner": sweeps_per_owner,
        "in_all": sweeps_in_all,
        "token": key.token if key else "",
        "key_ttl_ms": milliseconds(key.ttl_seconds) if key else 0,
    }
    keys = _list_keys(sweep) | {"idempotency": key.redis_key if key else None}
    return Transition("sweep/store", keys, arguments, bool)


def delete(sweep: Sweep) -> Transition[bool]:
    """Deletes a sweep and its idempotency key. Its result is whether the sweep was stored."""
    return Transition("sweep/delete", _list_keys(sweep), {}, bool)


def _list_keys(sweep: Sweep) -> dict[str, str | None]:
    return {
        "sweep": make_sweep_key(sweep.id),
        "all": "sweeps:retained",
        "owned": f"sweeps:retained:{sweep.owner}",
    }
