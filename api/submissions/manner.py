"""How a client wants its submission to be treated: once, and waited for."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Annotated

from anyio import CancelScope
from fastapi import Depends, Header

from api.access.authentication import Access
from api.events.subscriptions import Gone, ServiceCloses
from api.service import Service
from api.submissions import idempotency
from api.submissions.idempotency import Reservation
from shared.errors import AnotherSubmission, FieldError, InvalidFields, SubmissionPending
from shared.jobs import Job

MOST_WAIT_SECONDS = 30
LONGEST_KEY = 255
PENDING_SECONDS = 1

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,9})\s*(?:$|[,;])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manner:
    """What the headers of a submission ask for.

    Attributes:
        key: under which it is one job, however often it comes (the draft of Idempotency-Key).
        wait_seconds: for how long the answer waits for the end of the job (RFC 7240, section 4.3).
    """

    key: str | None
    wait_seconds: int | None


async def _manner(
    idempotency_key: Annotated[
        str | None,
        Header(description="The same submission with the same key is the same job, for 24 hours."),
    ] = None,
    prefer: Annotated[
        str | None,
        Header(
            description="`wait=10`: the answer comes when the job is over, or after 10 s; "
            f"{MOST_WAIT_SECONDS} s at most."
        ),
    ] = None,
) -> Manner:
    key = idempotency_key
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        sentence = f"A key has 1 to {LONGEST_KEY} printable characters."
        raise InvalidFields([FieldError("Idempotency-Key", "invalid_value", sentence)])
    wait = _WAIT.search(prefer or "")
    return Manner(key, min(int(wait[1]), MOST_WAIT_SECONDS) if wait else None)


MannerOf = Annotated[Manner, Depends(_manner)]
"""What the headers ask for, as an endpoint asks for it."""


@asynccontextmanager
async def once(
    manner: Manner,
    fingerprint: str,
    access: Access,
    service: Service,
    exists: Callable[[str, Service], Awaitable[bool]],
) -> AsyncIterator[Reservation | str | None]:
    """The hold on the client's key, or the job that it was used for; None without a key. Where the
    submission comes to nothing, the key is free again; where the job was deleted, it is as if the
    key had not been used.

    Args:
        exists: whether what was made under an id is still there.

    Raises:
        AnotherSubmission: something else was submitted with this key.
        SubmissionPending: the same is just being submitted.
    """
    if manner.key is None:
        yield None
        return
    reservation = Reservation.of(access.owner, manner.key, token_hex(8), fingerprint)
    reserved = await service.jobs.run(idempotency.reserve(reservation))
    if reserved.job_id is not None and not await exists(reserved.job_id, service):
        again = idempotency.reserve(reservation, gone=reserved.job_id)
        reserved = await service.jobs.run(again)
    if reserved.word == "other":
        raise AnotherSubmission("Something else was submitted with this Idempotency-Key.")
    if reserved.word == "pending":
        sentence = "The same submission is just being taken. Please ask again."
        raise SubmissionPending(sentence, retry_after_seconds=PENDING_SECONDS)
    if reserved.job_id is not None:
        yield reserved.job_id
        return
    try:
        yield reservation
    except BaseException:
        with CancelScope(shield=True):
            await service.jobs.run(idempotency.cancel(reservation))
        raise


async def waited_for(job: Job, wait_seconds: int, service: Service) -> Job:
    """The job when it is over, or as it is after so many seconds, or where the API is to go."""
    late = monotonic() + wait_seconds
    async with service.watching.watch(job) as watch:
        while not job.is_over and monotonic() < late:
            try:
                job = await watch.next(late - monotonic())
            except (Gone, ServiceCloses):
                return job
    return job
