"""The life of a job: every read of its record, and every change of it, as a value.

A transition names its script, the keys and the arguments, and how the reply is read.
`shared.job_store` runs it; the scripts in `shared/scripts` compare before they set.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from pastiche.option_warnings import OptionWarning
from shared.errors import FAILURES, FailureCode
from shared.inputs import Inputs, inputs_to_json
from shared.job_records import EXACT, job_from_reply, origin_to_text, warnings_to_json
from shared.job_store import Argument, Transition, milliseconds, on_job
from shared.jobs import LANES, Job, Place
from shared.settings import Settings

Submitted = Literal["queued", "full", "busy", "late"]
Committed = Literal["ok", "lost"]
Canceled = Literal["canceled", "requested", "finishing", "over", "unknown"]
FinishRequested = Literal["requested", "canceling", "idle", "unknown"]
Recovered = Literal["queued", "canceled", "worker_lost", "time_limit", "held"]
WeightsUpdated = Literal["ok", "over", "unknown", "changed"]
Expired = Literal["expired", "unchanged"]

ARRIVAL_SECONDS = 60
"""Within which a job's record follows its pictures."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key that a request holds.

    Attributes:
        redis_key: where in Redis it is stored.
        token: of the request.
        ttl_seconds: how long it is to give the job.
    """

    redis_key: str
    token: str
    ttl_seconds: float


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """What a worker learns from a heartbeat.

    Attributes:
        answer: `ok`, `cancel` or `finish` where the client requests it, `lost` where the claim is
            not held.
        weight_updates: how often the weights were changed, where the worker does not know it yet.
        options: the job's options then.
    """

    answer: Literal["ok", "cancel", "finish", "lost"]
    weight_updates: int | None = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are retained once a job is over, and how many jobs.

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
    def from_settings(cls, settings: Settings) -> "Retention":
        return cls(
            settings.retention_hours,
            2 * settings.lease_seconds,
            settings.kept_jobs_per_owner,
            settings.kept_jobs,
        )

    @property
    def arguments(self) -> dict[str, Argument]:
        """As the scripts take them: times in milliseconds."""
        return {
            "retention_ms": milliseconds(self.retention_hours * 3600),
            "grace_ms": milliseconds(self.grace_seconds),
            "jobs_per_owner": self.jobs_per_owner,
            "jobs_in_all": self.jobs_in_all,
        }


def begin_submission(job_id: str) -> Transition[int]:
    """The pictures of a new job are about to be written: until when its record may come, in
    milliseconds."""
    arguments = {"grace_ms": milliseconds(ARRIVAL_SECONDS)}
    return on_job("begin_submission", job_id, arguments, read=int)


def submit(
    job_id: str,
    latest_ms: int,
    options: Mapping[str, Any],
    inputs: Inputs[str],
    place: Place,
    *,
    queue_limit: int,
    in_flight_limit: int = 0,
    idempotency_key: IdempotencyKey | None = None,
    warnings: Sequence[OptionWarning] = (),
) -> Transition[Submitted]:
    """→ queued.

    Args:
        latest_ms: what `begin_submission` gave: by it a submission that comes after the job was
            deleted is refused.
        queue_limit: how many jobs may wait.
        in_flight_limit: how many of the owner's may wait or run; 0 for any number.
        idempotency_key: gives this job from now on.
        warnings: what its client should know of the options and images.
    """
    key = idempotency_key
    arguments: dict[str, Argument] = {
        "options": json.dumps(options),
        "inputs": inputs_to_json(inputs),
        "queue_limit": queue_limit,
        "work": place.work,
        "caller": place.caller,
        "lane": LANES.index(place.priority),
        "wait_ms": 0 if place.wait_seconds is None else max(1, milliseconds(place.wait_seconds)),
        "owner": place.owner,
        "in_flight_limit": in_flight_limit,
        "token": key.token if key else "",
        "ttl_ms": milliseconds(key.ttl_seconds) if key else 0,
        "webhook_url": place.webhook_url or "",
        "origin": origin_to_text(place.request_id, place.traceparent),
        "latest_ms": latest_ms,
        "warnings": warnings_to_json(warnings),
        "pixels": place.pixels,
        "image_bytes": place.image_bytes,
    }
    return on_job("submit", job_id, arguments, read=_word, keys=_idempotency(key))


def read(job_id: str) -> Transition[Job | None]:
    """The job as it stands, None where there is no such job.

    Reading raises DamagedRecord where the record cannot be read.
    """
    return on_job("read", job_id, {"exact": EXACT}, read=job_from_reply)


def claim(job_id: str, *, lease_seconds: float) -> Transition[str | None]:
    """queued → running: the fence of the claim; None where the job is not queued."""
    arguments: dict[str, Argument] = {
        "lease_ms": milliseconds(lease_seconds),
        "token": token_hex(4),
    }
    return on_job("claim", job_id, arguments, read=_word)


def heartbeat(
    job_id: str,
    fence: str,
    *,
    lease_seconds: float,
    news: Mapping[str, str],
    weight_updates: int = 0,
    remaining: int | None = None,
    iterations: int = 0,
) -> Transition[HeartbeatReply]:
    """running → running, with `news` written into the record.

    Args:
        weight_updates: how many changes of the weights the worker knows of.
        remaining: how much there is left to paint, in pixels times iterations.
        iterations: that were painted since the heartbeat before.
    """
    arguments: dict[str, Argument] = {
        "fence": fence,
        "lease_ms": milliseconds(lease_seconds),
        "weight_updates": weight_updates,
        "remaining": "" if remaining is None else remaining,
        "iterations": iterations,
    }
    return on_job("heartbeat", job_id, arguments, read=_heartbeat_reply, fields=news)


def succeed(
    job_id: str, fence: str, *, result_key: str, news: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → succeeded, with the key of the one result that anybody will see."""
    return _finish(job_id, fence, "succeeded", {"result_key": result_key, **news}, retention)


def fail(
    job_id: str, fence: str, *, code: FailureCode, news: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → failed, with a code and its sentence."""
    fields = {"error_code": code, "error_detail": FAILURES[code], **news}
    return _finish(job_id, fence, "failed", fields, retention)


def confirm_cancel(
    job_id: str, fence: str, *, news: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → canceled, as the client requested."""
    return _finish(job_id, fence, "canceled", news, retention)


def release(job_id: str, fence: str, *, retention: Retention) -> Transition[Committed]:
    """running → queued: the worker goes, the job stays; → canceled where the client has requested
    that meanwhile."""
    return on_job("release", job_id, {"fence": fence} | retention.arguments, read=_word)


def recover(
    job_id: str, *, lost_limit: int, lease_limit_seconds: float, retention: Retention
) -> Transition[Recovered]:
    """running → queued where the lease has run out; → failed where that happened too often.

    Args:
        lost_limit: after how many lost attempts, none of which came further, the job fails.
        lease_limit_seconds: how long after its claim the lease of an attempt ends at least that
            was killed because it took too long.
    """
    arguments = retention.arguments | {
        "lost_limit": lost_limit,
        "worker_lost": FAILURES["worker_lost"],
        "time_limit": FAILURES["time_limit"],
        "limit_ms": milliseconds(lease_limit_seconds),
    }
    return on_job("recover", job_id, arguments, read=_word)


def cancel(job_id: str, *, retention: Retention) -> Transition[Canceled]:
    """queued → canceled at once; running → requested, unless its worker was requested to commit its
    picture before; over → unchanged."""
    return on_job("cancel", job_id, retention.arguments, read=_word)


def request_finish(job_id: str) -> Transition[FinishRequested]:
    """running → requested to commit its picture as it is, unless it is to be canceled; anything
    else → unchanged."""
    return on_job("request_finish", job_id, read=_word)


def store_preview(job_id: str, result_key: str) -> Transition[Committed]:
    """A job that is over and has no result gets this one, and keeps its state."""
    return on_job("store_preview", job_id, {"result_key": result_key}, read=_word)


def update_weights(
    job_id: str,
    weight_updates: int,
    options: Mapping[str, Any],
    warnings: Sequence[OptionWarning] = (),
) -> Transition[WeightsUpdated]:
    """Changes the weights of a job that is not over, unless they were changed since.

    Args:
        weight_updates: how many changes of the weights the caller knows of: nothing else ever
            changes the options.
        options: all of them, with the new weights.
        warnings: what the client should know of these options.
    """
    arguments: dict[str, Argument] = {
        "weight_updates": weight_updates,
        "options": json.dumps(options),
        "warnings": warnings_to_json(warnings),
    }
    return on_job("update_weights", job_id, arguments, read=_word)


def expire(job_id: str, *, retention: Retention) -> Transition[Expired]:
    """queued → expired where it has waited for longer than it may."""
    return on_job("expire", job_id, retention.arguments, read=_word)


def delete(
    job_id: str, *, retention: Retention, idempotency_key: IdempotencyKey | None = None
) -> Transition[bool]:
    """Whatever it was → gone; whether there was such a job.

    Args:
        idempotency_key: may give this job, and is to be free again.
    """
    arguments = {"grace_ms": milliseconds(retention.grace_seconds)}
    return on_job("delete", job_id, arguments, read=bool, keys=_idempotency(idempotency_key))


def delete_past_retention(job_id: str) -> Transition[bool]:
    """Over and past its retention → gone; whether it was."""
    return on_job("delete_past_retention", job_id, read=bool)


def delete_damaged(job_id: str) -> Transition[bool]:
    """The record's key holds something else than a record → gone; whether it did."""
    return on_job("delete_damaged", job_id, read=bool)


def mark_cleaned(job_id: str, due_ms: float) -> Transition[bool]:
    """The blobs of a job, whose cleanup was due then, are cleaned up."""
    return on_job("mark_cleaned", job_id, {"due_ms": round(due_ms)}, read=bool)


def _finish(
    job_id: str, fence: str, status: str, news: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    arguments = {"fence": fence, "status": status} | retention.arguments
    return on_job("finish", job_id, arguments, read=_word, fields=news)


def _idempotency(key: IdempotencyKey | None) -> dict[str, str | None]:
    return {"idempotency": key.redis_key if key else None}


def _word(reply: Any) -> Any:
    return reply


def _heartbeat_reply(reply: Any) -> HeartbeatReply:
    answer, *changed = reply
    if not changed:
        return HeartbeatReply(answer)
    return HeartbeatReply(answer, int(changed[0]), json.loads(changed[1]))
