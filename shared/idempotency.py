"""The same submission twice is one job, where the client says so with a key (the IETF's draft of
the Idempotency-Key header field)."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from shared.job_store import Argument, Transition, milliseconds
from shared.transitions import IdempotencyKey

KEPT_HOURS = 24
"""For how long a key gives the job that it was first used for."""

HOLD_SECONDS = 120.0
"""How long a submission may take; after that its key is free again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A request's hold on a key.

    Attributes:
        redis_key: where in Redis it is stored; it does not reveal the client's key.
        token: of the request.
        fingerprint: of what it submits.
    """

    redis_key: str
    token: str
    fingerprint: str

    @classmethod
    def of(cls, owner: str, key: str, token: str, fingerprint: str) -> "Reservation":
        """Keys of different owners have nothing to do with each other."""
        digest = sha256(key.encode()).hexdigest()
        return cls(f"idempotency:{owner}:{digest}", token, fingerprint)

    @property
    def idempotency_key(self) -> IdempotencyKey:
        """As the submission takes it."""
        return IdempotencyKey(self.redis_key, self.token, KEPT_HOURS * 3600)


@dataclass(frozen=True, slots=True)
class Reserved:
    """Whether the submission may go on, or which job it was before."""

    word: Literal["new", "job", "other", "pending"]
    job_id: str | None = None


def reserve(reservation: Reservation, *, gone: str = "") -> Transition[Reserved]:
    """The first submission with a key may go on.

    Args:
        gone: the id of what was made of the submission and has been deleted since: it is made
            again, as one job however many ask at the same time.
    """
    hold_ms = milliseconds(HOLD_SECONDS)
    arguments: dict[str, Argument] = {
        "token": reservation.token,
        "fingerprint": reservation.fingerprint,
        "hold_ms": hold_ms,
        "deleted": gone,
    }
    keys = {"idempotency": reservation.redis_key}
    return Transition("idempotency/reserve", keys, arguments, _reserved)


def cancel(reservation: Reservation) -> Transition[bool]:
    """The submission came to nothing: its key is free again."""
    keys = {"idempotency": reservation.redis_key}
    return Transition("idempotency/release", keys, {"token": reservation.token}, bool)


def _reserved(reply: Any) -> Reserved:
    return Reserved(*reply)
