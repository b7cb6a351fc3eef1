"""Every look at a job's record, and every change of it, as a value.

A transition says which script runs, on which keys, with which arguments, and how its reply reads.
`shared.job_store` runs it; the scripts in `shared/scripts` compare before they set.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from pastiche.option_warnings import OptionWarning
from shared.calls import Transition, milliseconds, on_job
from shared.errors import FAILURES, FailureCode
from shared.jobs import (
    LANES,
    NOBODY,
    Inputs,
    Job,
    Priority,
    Waiting,
    inputs_to_json,
    origin_to_text,
    warnings_to_json,
)
from shared.settings import Settings

Submitted = Literal["queued", "full", "busy", "late"]
Refusal = Literal["unknown", "over", "held"]
Kept = Literal["ok", "lost"]
Canceled = Literal["canceled", "asked", "finishing", "over", "unknown"]
FinishRequested = Literal["asked", "canceling", "idle", "unknown"]
Recovered = Literal["queued", "canceled", "worker_lost", "time_limit", "held"]
Reweighed = Literal["ok", "over", "unknown", "changed"]
Expired = Literal["expired", "kept"]

EXACT = 64
"""Of how many jobs before it a waiting job's work ahead is added up one by one."""


ARRIVAL_SECONDS = 60
"""Within which a job's record follows its pictures."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the queue a new job is put.

    Attributes:
        caller: who asks; callers take turns.
        owner: whose job it is.
        webhook_url: what is told when the job is over.
        request_id: of the request that it was submitted by.
        traceparent: the span that its attempts belong under, where it is traced.
        wait_seconds: how long it may wait before it expires; None for ever.
        work: how much there is to paint, in pixels times iterations.
        pixels: how many the picture will have; 0 where that is not known.
        image_bytes: about what the images that it is made from take while it is painted.
    """

    caller: str
    work: int
    pixels: int = 0
    image_bytes: int = 0
    priority: Priority = "normal"
    wait_seconds: float | None = None
    owner: str = NOBODY
    webhook_url: str | None = None
    request_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key that a request holds.

    Attributes:
        kept_key: where in Redis it is kept.
        token: of the request.
        keep_seconds: how long it is to give the job.
    """

    kept_key: str
    token: str
    keep_seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's answer to 'may I paint this': its fence, or why not."""

    fence: str | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a worker hears at a heartbeat.

    Attributes:
        answer: `ok`, `cancel` or `finish` where the client asked for it, `lost` where the claim is
            not held.
        reweighed: how often the weights were changed, where that is news.
        options: the job's options then.
    """

    answer: Literal["ok", "cancel", "finish", "lost"]
    reweighed: int | None = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept once a job is over, and how many jobs.

    Attributes:
        retention_hours: the job and its pictures.
        grace_seconds: what its workers wrote beside: by then none of them writes any more; and the
            input pictures of a canceled job.
        jobs_per_owner: beyond that the oldest goes, those without a picture first.
        jobs_in_all: the same for the jobs of all owners.
    """

    retention_hours: float
    grace_seconds: float
    jobs_per_owner: int = 10_000
    jobs_in_all: int = 100_000

    @classmethod
    def of(cls, settings: Settings) -> "Keeping":
        return cls(
            settings.retention_hours,
            2 * settings.lease_seconds,
            settings.kept_jobs_per_owner,
            settings.kept_jobs,
        )

    @property
    def grace_ms(self) -> int:
        return milliseconds(self.grace_seconds)

    @property
    def arguments(self) -> tuple[int, int, int, int]:
        """As the scripts take them: times in milliseconds."""
        retention_ms = milliseconds(self.retention_hours * 3600)
        return retention_ms, self.grace_ms, self.jobs_per_owner, self.jobs_in_all


def begin(job_id: str) -> Transition[int]:
    """The pictures of a new job are about to be written: until when its record may come, in
    milliseconds."""
    return on_job("begin", job_id, milliseconds(ARRIVAL_SECONDS), read=int)


def submit(
    job_id: str,
    latest_ms: int,
    options: Mapping[str, Any],
    inputs: Inputs[str],
    place: Place,
    *,
    queue_limit: int,
    in_flight_limit: int = 0,
    once: Once | None = None,
    warnings: Sequence[OptionWarning] = (),
) -> Transition[Submitted]:
    """A new job, queued.

    Args:
        latest_ms: what `begin` gave: a submission that comes after its own erasing is told by it.
        queue_limit: how many jobs may wait.
        in_flight_limit: how many of the owner's may wait or run; 0 for any number.
        once: the idempotency key that is to give this job from now on.
        warnings: what its client is told of the options and images.
    """
    return on_job(
        "submit",
        job_id,
        json.dumps(options),
        inputs_to_json(inputs),
        queue_limit,
        place.work,
        place.caller,
        LANES.index(place.priority),
        0 if place.wait_seconds is None else max(1, milliseconds(place.wait_seconds)),
        place.owner,
        in_flight_limit,
        once.token if once else "",
        milliseconds(once.keep_seconds) if once else 0,
        place.webhook_url or "",
        origin_to_text(place.request_id, place.traceparent),
        latest_ms,
        warnings_to_json(warnings),
        place.pixels,
        place.image_bytes,
        read=_word,
        more_keys=(once.kept_key,) if once else (),
    )


def look(job_id: str) -> Transition[Job | None]:
    """The job as it stands, None where there is no such job.

    Reading raises DamagedRecord where the record cannot be read.
    """
    return on_job("look", job_id, EXACT, read=read_job)


def claim(job_id: str, *, lease_seconds: float) -> Transition[Claim]:
    """queued → running."""
    arguments = (milliseconds(lease_seconds), token_hex(4))
    return on_job("claim", job_id, *arguments, read=_claim)


def heartbeat(
    job_id: str,
    fence: str,
    *,
    lease_seconds: float,
    news: Mapping[str, str],
    reweighed: int = 0,
    left: int | None = None,
    iterations: int = 0,
) -> Transition[Heard]:
    """running → running, with `news` written into the record.

    Args:
        reweighed: how many changes of the weights the worker knows of.
        left: how much there is left to paint, in pixels times iterations.
        iterations: that were painted since the beat before.
    """
    return on_job(
        "heartbeat",
        job_id,
        fence,
        milliseconds(lease_seconds),
        reweighed,
        "" if left is None else left,
        iterations,
        *_pairs(news),
        read=_heard,
    )


def succeed(
    job_id: str, fence: str, *, result_key: str, news: Mapping[str, str], keeping: Keeping
) -> Transition[Kept]:
    """running → succeeded, with the key of the one result that anybody will see."""
    return _finish(job_id, fence, "succeeded", {"result_key": result_key, **news}, keeping)


def fail(
    job_id: str, fence: str, *, code: FailureCode, news: Mapping[str, str], keeping: Keeping
) -> Transition[Kept]:
    """running → failed, with a code and its sentence."""
    told = {"error_code": code, "error_detail": FAILURES[code], **news}
    return _finish(job_id, fence, "failed", told, keeping)


def stop(job_id: str, fence: str, *, news: Mapping[str, str], keeping: Keeping) -> Transition[Kept]:
    """running → canceled, as the client asked."""
    return _finish(job_id, fence, "canceled", news, keeping)


def release(job_id: str, fence: str, *, keeping: Keeping) -> Transition[Kept]:
    """running → queued: the worker goes, the job stays; → canceled where the client has asked for
    that meanwhile."""
    return on_job("release", job_id, fence, *keeping.arguments, read=_word)


def recover(
    job_id: str, *, lost_limit: int, lease_limit_seconds: float, keeping: Keeping
) -> Transition[Recovered]:
    """running → queued where the worker fell silent; → failed where too many of them did.

    Args:
        lost_limit: after how many lost attempts, none of which came further, the job fails.
        lease_limit_seconds: how long after its claim the lease of an attempt ends at least that
            was killed because it took too long.
    """
    arguments = (
        lost_limit,
        *keeping.arguments,
        FAILURES["worker_lost"],
        FAILURES["time_limit"],
        milliseconds(lease_limit_seconds),
    )
    return on_job("recover", job_id, *arguments, read=_word)


def cancel(job_id: str, *, keeping: Keeping) -> Transition[Canceled]:
    """queued → canceled at once; running → asked, unless its worker was asked to commit its picture
    before; over → unchanged."""
    return on_job("cancel", job_id, *keeping.arguments, read=_word)


def request_finish(job_id: str) -> Transition[FinishRequested]:
    """running → asked to commit its picture as it is, unless it is to be canceled; anything else →
    unchanged."""
    return on_job("request_finish", job_id, read=_word)


def keep_picture(job_id: str, result_key: str) -> Transition[Kept]:
    """A job that is over and has no result has this one, in the state in which it ended."""
    return on_job("keep_picture", job_id, result_key, read=_word)


def reweigh(
    job_id: str,
    reweighed: int,
    options: Mapping[str, Any],
    warnings: Sequence[OptionWarning] = (),
) -> Transition[Reweighed]:
    """Other weights for a job that is not over; nothing where they were changed since.

    Args:
        reweighed: how many changes of the weights the caller knows of: nothing else ever changes
            the options.
        options: all of them, with the new weights.
        warnings: what the client is told of these options.
    """
    arguments = (reweighed, json.dumps(options), warnings_to_json(warnings))
    return on_job("reweigh", job_id, *arguments, read=_word)


def expire(job_id: str, *, keeping: Keeping) -> Transition[Expired]:
    """queued → expired where it has waited for longer than it may."""
    return on_job("expire", job_id, *keeping.arguments, read=_word)


def erase(job_id: str, *, keeping: Keeping, once: Once | None = None) -> Transition[bool]:
    """Whatever it was → gone; whether there was such a job.

    Args:
        once: the idempotency key that may give this job, and is to be free again.
    """
    more_keys = (once.kept_key,) if once else ()
    return on_job("erase", job_id, keeping.grace_ms, read=bool, more_keys=more_keys)


def forget(job_id: str) -> Transition[bool]:
    """Over and past its retention → gone; whether it was."""
    return on_job("forget", job_id, read=bool)


def discard(job_id: str) -> Transition[bool]:
    """What lies in a record's place and is none → gone; whether it was."""
    return on_job("discard", job_id, read=bool)


def tidied(job_id: str, due_ms: float) -> Transition[bool]:
    """The blobs that were to be looked through by then were."""
    return on_job("tidied", job_id, round(due_ms), read=bool)


def _finish(
    job_id: str, fence: str, status: str, news: Mapping[str, str], keeping: Keeping
) -> Transition[Kept]:
    return on_job("finish", job_id, fence, status, *keeping.arguments, *_pairs(news), read=_word)


def _pairs(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for pair in fields.items() for word in pair)


def _word(reply: Any) -> Any:
    return reply


def read_job(reply: Any) -> Job | None:
    """The job that a script tells of, None where there is none.

    Raises:
        DamagedRecord: its record cannot be read.
    """
    flat, *place = reply
    if not flat:
        return None
    waiting = Waiting(int(place[0]), float(place[1]), float(place[2])) if place else None
    return Job.from_record(dict(zip(flat[::2], flat[1::2], strict=True)), waiting)


def _claim(reply: Any) -> Claim:
    word, *fence = reply
    return Claim(fence[0], None) if word == "claimed" else Claim(None, word)


def _heard(reply: Any) -> Heard:
    answer, *changed = reply
    if not changed:
        return Heard(answer)
    return Heard(answer, int(changed[0]), json.loads(changed[1]))
