"""Every look at a job's record, and every change of it, as a value.

A transition says which script runs, on which keys, with which arguments, and how its reply reads.
`shared.job_store` runs it; the scripts in `shared/scripts` compare before they set.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from shared.errors import FAILURES
from shared.jobs import Inputs, Job, inputs_to_json

Reply = TypeVar("Reply")
Argument = str | int

Submitted = Literal["queued", "full", "exists"]
Refusal = Literal["unknown", "over", "held", "canceled", "worker_lost"]
Answer = Literal["ok", "cancel", "lost"]
Kept = Literal["ok", "lost"]
Canceled = Literal["canceled", "asked", "over", "unknown"]

WAITING = "queue:waiting"
"""The sorted set of all queued jobs' ids, by when they came."""


@dataclass(frozen=True, slots=True)
class Transition(Generic[Reply]):
    """One call of one script."""

    script: str
    keys: tuple[str, ...]
    arguments: tuple[Argument, ...]
    read: Callable[[Any], Reply]


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's answer to 'may I paint this': its fence, or why not."""

    fence: int | None
    refusal: Refusal | None


def record_key(job_id: str) -> str:
    """The key of a job's hash; all keys of one job share the tag in braces."""
    return f"job:{{{job_id}}}"


def submit(
    job_id: str, options: Mapping[str, Any], inputs: Inputs[str], *, queue_limit: int
) -> Transition[Submitted]:
    """A new job, queued."""
    arguments: tuple[Argument, ...] = (
        job_id,
        json.dumps(options),
        inputs_to_json(inputs),
        queue_limit,
    )
    return Transition("submit", (record_key(job_id), WAITING), arguments, _word)


def look(job_id: str) -> Transition[Job | None]:
    """The job as it stands, None where there is no such job."""
    return Transition("look", (record_key(job_id), WAITING), (job_id,), _job)


def claim(
    job_id: str, *, lease_seconds: float, lost_limit: int, retention_hours: float
) -> Transition[Claim]:
    """queued → running, or running → running where the last worker's lease has run out."""
    arguments = (
        job_id,
        _milliseconds(lease_seconds),
        lost_limit,
        _milliseconds(retention_hours * 3600),
        FAILURES["worker_lost"],
    )
    return Transition("claim", (record_key(job_id), WAITING), arguments, _claim)


def heartbeat(
    job_id: str, fence: int, *, lease_seconds: float, news: Mapping[str, str]
) -> Transition[Answer]:
    """running → running, with `news` written into the record."""
    arguments: tuple[Argument, ...] = (fence, _milliseconds(lease_seconds), *_pairs(news))
    return Transition("heartbeat", (record_key(job_id),), arguments, _word)


def succeed(
    job_id: str, fence: int, *, result_key: str, news: Mapping[str, str], retention_hours: float
) -> Transition[Kept]:
    """running → succeeded, with the key of the one result that anybody will see."""
    return _finish(job_id, fence, "succeeded", {"result_key": result_key, **news}, retention_hours)


def fail(
    job_id: str, fence: int, *, code: str, detail: str, retention_hours: float
) -> Transition[Kept]:
    """running → failed, with a code and a sentence."""
    news = {"error_code": code, "error_detail": detail}
    return _finish(job_id, fence, "failed", news, retention_hours)


def stop(job_id: str, fence: int, *, retention_hours: float) -> Transition[Kept]:
    """running → canceled, as the client asked."""
    return _finish(job_id, fence, "canceled", {}, retention_hours)


def release(job_id: str, fence: int) -> Transition[Kept]:
    """running → queued: the worker goes, the job stays."""
    return Transition("release", (record_key(job_id), WAITING), (job_id, fence), _word)


def cancel(job_id: str, *, retention_hours: float) -> Transition[Canceled]:
    """queued → canceled at once; running → asked; over → unchanged."""
    arguments = (job_id, _milliseconds(retention_hours * 3600))
    return Transition("cancel", (record_key(job_id), WAITING), arguments, _word)


def erase(job_id: str) -> Transition[bool]:
    """Whatever it was → gone; whether there was such a job."""
    return Transition("erase", (record_key(job_id), WAITING), (job_id,), bool)


def _finish(
    job_id: str, fence: int, status: str, news: Mapping[str, str], retention_hours: float
) -> Transition[Kept]:
    arguments: tuple[Argument, ...] = (
        fence,
        status,
        _milliseconds(retention_hours * 3600),
        *_pairs(news),
    )
    return Transition("finish", (record_key(job_id),), arguments, _word)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _pairs(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for pair in fields.items() for word in pair)


def _word(reply: Any) -> Any:
    return reply


def _job(reply: Any) -> Job | None:
    flat, rank = reply
    return Job.from_record(dict(zip(flat[::2], flat[1::2], strict=True)), rank) if flat else None


def _claim(reply: Any) -> Claim:
    word, *fence = reply
    return Claim(int(fence[0]), None) if word == "claimed" else Claim(None, word)
