"""The headers of a submission: `Idempotency-Key` (the IETF's draft), with which a submission that
is sent several times is one job, and `Prefer: wait`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, Literal, NamedTuple

from anyio import CancelScope
from fastapi import Depends, Header

from api.access.authentication import Access
from api.service import Service
from shared.errors import FieldError, IdempotencyKeyReused, InvalidFields, SubmissionPending
from shared.job_store import Argument, Transition, milliseconds
from shared.transitions import IdempotencyKey

VALID_HOURS = 24
"""How long a key refers to the job that it was first used for."""

HOLD_SECONDS = 120.0
"""How long a submission may take; after that its key is free again."""

MAX_WAIT_SECONDS = 60
MAX_KEY_LENGTH = 255
PENDING_SECONDS = 1

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,9})\s*(?:$|[,;])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SubmissionHeaders:
    """The headers of a submission.

    Attributes:
        key: its idempotency key.
        wait_seconds: how long the response waits for the end of the job (RFC 7240, section 4.3).
    """

    key: str | None
    wait_seconds: int | None


async def _parse_headers(
    idempotency_key: Annotated[
        str | None,
        Header(description="The same submission with the same key is the same job, for 24 hours."),
    ] = None,
    prefer: Annotated[
        str | None,
        Header(
            description="`wait=10`: the response is sent when the job is over, or after 10 s; "
            f"{MAX_WAIT_SECONDS} s at most."
        ),
    ] = None,
) -> SubmissionHeaders:
    key = idempotency_key
    if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        sentence = f"A key has 1 to {MAX_KEY_LENGTH} printable characters."
        raise InvalidFields([FieldError("Idempotency-Key", "invalid_value", sentence)])
    wait = _WAIT.search(prefer or "")
    return SubmissionHeaders(key, min(int(wait[1]), MAX_WAIT_SECONDS) if wait else None)


ParsedHeaders = Annotated[SubmissionHeaders, Depends(_parse_headers)]
"""The headers of a submission, for its endpoint."""


def make_idempotency_key(owner: str, key: str) -> IdempotencyKey:
    """A client's key, as a request holds it. Keys of different owners are independent, and the
    stored form does not reveal them."""
    digest = sha256(key.encode()).hexdigest()
    return IdempotencyKey(f"idempotency:{owner}:{digest}", token_hex(8), VALID_HOURS * 3600)


class Reserved(NamedTuple):
    """Whether a submission may proceed, or which job it created before."""

    state: Literal["new", "job", "other", "pending"]
    job_id: str | None = None


def reserve(key: IdempotencyKey, fingerprint: str, *, deleted_id: str = "") -> Transition[Reserved]:
    """Lets the first submission with a key proceed.

    Args:
        fingerprint: identifies the submission.
        deleted_id: the id of what the submission created before, if that has been deleted since. It
            is then created again, only once even for concurrent requests.
    """
    arguments: dict[str, Argument] = {
        "token": key.token,
        "fingerprint": fingerprint,
        "hold_ms": milliseconds(HOLD_SECONDS),
        "deleted": deleted_id,
    }
    keys = {"idempotency": key.redis_key}
    return Transition("idempotency/reserve", keys, arguments, lambda reply: Reserved(*reply))


def release(key: IdempotencyKey) -> Transition[bool]:
    """Frees the key of a submission that failed."""
    keys = {"idempotency": key.redis_key}
    return Transition("idempotency/release", keys, {"token": key.token}, bool)


async def find_earlier_submission(
    headers: SubmissionHeaders,
    fingerprint: str,
    access: Access,
    exists: Callable[[str, Service], Awaitable[bool]],
) -> str | None:
    """The id of what the client's key created with the same submission; None if there is nothing.

    Args:
        exists: whether what was created under an id still exists.
    """
    if headers.key is None:
        return None
    key, service = make_idempotency_key(access.owner, headers.key), access.service
    first, created_id = await service.jobs.client.hmget(key.redis_key, ["fingerprint", "job"])
    if first != fingerprint or created_id is None:
        return None
    return str(created_id) if await exists(str(created_id), service) else None


@asynccontextmanager
async def reserve_key(
    headers: SubmissionHeaders,
    fingerprint: str,
    access: Access,
    exists: Callable[[str, Service], Awaitable[bool]],
) -> AsyncIterator[IdempotencyKey | str | None]:
    """Reserves the client's key and yields it, or the id of what it created before; None without a
    key.

    If the submission fails, the key is free again. If what it created was deleted, the key counts
    as unused.

    Args:
        exists: whether what was created under an id still exists.

    Raises:
        IdempotencyKeyReused: something else was submitted with this key.
        SubmissionPending: the same is being submitted at the moment.
    """
    if headers.key is None:
        yield None
        return
    service = access.service
    key = make_idempotency_key(access.owner, headers.key)
    try:
        reserved = await service.jobs.run(reserve(key, fingerprint))
        if reserved.job_id is not None and not await exists(reserved.job_id, service):
            reserved = await service.jobs.run(reserve(key, fingerprint, deleted_id=reserved.job_id))
        if reserved.state == "other":
            raise IdempotencyKeyReused("Something else was submitted with this Idempotency-Key.")
        if reserved.state == "pending":
            sentence = "The same submission is being processed. Please try again."
            raise SubmissionPending(sentence, retry_after_seconds=PENDING_SECONDS)
        yield key if reserved.job_id is None else reserved.job_id
    except BaseException:
        # The key may be reserved even if reserving it failed here. A key that another submission
        # holds has another token, and stays reserved.
        with CancelScope(shield=True):
            await service.jobs.run(release(key))
        raise
