"""The life of a job: every change of its record as a value, which `shared.job_store` runs.

The scripts in `shared/scripts` compare before they set.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from pastiche.option_warnings import OptionWarning
from pastiche.version import __version__
from shared.errors import FAILURES, FailureCode
from shared.inputs import Inputs, inputs_to_json
from shared.job_records import (
    EXACT,
    events_to_text,
    job_from_reply,
    job_if_readable,
    keep_to_text,
    origin_to_text,
    warnings_to_json,
)
from shared.job_store import Argument, Transition, milliseconds, on_job
from shared.jobs import PRIORITIES, Job, QueueEntry
from shared.settings import Settings

Submitted = Literal["queued", "full", "busy", "late"]
Committed = Literal["ok", "lost"]
Canceled = Literal["canceled", "requested", "finishing", "over", "unknown"]
FinishReply = Literal["requested", "canceling", "idle", "unknown"]
Recovered = Literal["queued", "canceled", "worker_lost", "time_limit", "held"]
WeightsUpdated = Literal["ok", "over", "unknown", "changed"]
Expired = Literal["expired", "timed_out", "unchanged"]

SUBMISSION_GRACE_SECONDS = 60
"""How long after its pictures a job's record may be written."""

FETCHED_SECONDS = 60
"""How long a job that is retained until its result was fetched is retained after that, so that a
client that lost the end of the response can request it again."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key that a request has reserved.

    Attributes:
        redis_key: where it is stored in Redis.
        token: of the request.
        ttl_seconds: how long the key refers to the job.
    """

    redis_key: str
    token: str
    ttl_seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker has claimed.

    Attributes:
        fence: of the claim.
        job: its record; None if that cannot be read.
    """

    job_id: str
    fence: str
    job: Job | None


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """What a worker learns from a heartbeat.

    Attributes:
        answer: `ok`, `cancel` or `finish` if the client requests it, `timed_out` if the job took
            longer than its client allows, `lost` if the claim is lost.
        weight_updates: how often the weights were changed, if the worker does not know it yet.
        options: the job's options in that case.
    """

    answer: Literal["ok", "cancel", "finish", "timed_out", "lost"]
    weight_updates: int | None = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long, and how many, jobs are retained once they are over.

    Attributes:
        retention_hours: how long a job and its pictures are retained.
        grace_seconds: how long the other blobs of its workers, and the input pictures of a canceled
            job, are retained: after that, none of its workers writes any more.
        jobs_per_owner: beyond this number the oldest are deleted, those without a picture first.
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
        """The arguments as the scripts take them, with times in milliseconds."""
        return {
            "retention_ms": milliseconds(self.retention_hours * 3600),
            "grace_ms": milliseconds(self.grace_seconds),
            **self.limits,
        }

    @property
    def limits(self) -> dict[str, Argument]:
        """How many jobs are retained, as the scripts take these limits."""
        return {"jobs_per_owner": self.jobs_per_owner, "jobs_in_all": self.jobs_in_all}


def begin_submission(job_id: str) -> Transition[int]:
    """Notes that the pictures of a new job are about to be written. Returns until when its record
    may be written, in milliseconds since 1970."""
    arguments = {"grace_ms": milliseconds(SUBMISSION_GRACE_SECONDS)}
    return on_job("begin_submission", job_id, arguments, read=int)


def submit(
    job_id: str,
    latest_ms: int,
    options: Mapping[str, Any],
    inputs: Inputs[str],
    entry: QueueEntry,
    *,
    queue_limit: int,
    in_flight_limit: int = 0,
    idempotency_key: IdempotencyKey | None = None,
    warnings: Sequence[OptionWarning] = (),
) -> Transition[Submitted]:
    """→ queued.

    Args:
        latest_ms: what `begin_submission` returned, by which a submission is refused after the job
            was deleted.
        queue_limit: how many jobs may be queued.
        in_flight_limit: how many jobs of the owner may be queued or running; 0 for any number.
        idempotency_key: refers to this job from now on.
    """
    key = idempotency_key
    arguments: dict[str, Argument] = {
        "options": json.dumps(options),
        "inputs": inputs_to_json(inputs),
        "queue_limit": queue_limit,
        "work": entry.work,
        "caller": entry.caller,
        "lane": PRIORITIES.index(entry.priority),
        "wait_ms": _limit_ms(entry.wait_seconds),
        "total_ms": _limit_ms(entry.timeout_seconds),
        "keep": keep_to_text(entry.keep),
        "owner": entry.owner,
        "in_flight_limit": in_flight_limit,
        "token": key.token if key else "",
        "ttl_ms": milliseconds(key.ttl_seconds) if key else 0,
        "webhook_url": entry.webhook_url or "",
        "webhook_events": events_to_text(entry.webhook_events),
        "origin": origin_to_text(entry.request_id, entry.traceparent),
        "latest_ms": latest_ms,
        "warnings": warnings_to_json(warnings),
        "pixels": entry.pixels,
        "image_bytes": entry.image_bytes,
        "written_by": __version__,
    }
    return on_job("submit", job_id, arguments, read=_return_reply, keys=_idempotency(key))


def read(job_id: str) -> Transition[Job | None]:
    """The job; None if it does not exist. Raises RecordDamaged if its record cannot be read."""
    return on_job("read", job_id, {"exact": EXACT}, read=job_from_reply)


def claim(*job_ids: str, lease_seconds: float, worker: str = "") -> Transition[Claim | None]:
    """queued → running, for the first of these jobs that is queued. Returns None if none is.

    Args:
        worker: the `identity` of the worker that claims.
    """
    arguments: dict[str, Argument] = {
        "candidates": ",".join(job_ids),
        "worker": worker,
        "lease_ms": milliseconds(lease_seconds),
        "token": token_hex(4),
    }
    return on_job("claim", job_ids[0], arguments, read=_read_claim)


def heartbeat(
    job_id: str,
    fence: str,
    *,
    lease_seconds: float,
    fields: Mapping[str, str],
    weight_updates: int = 0,
    remaining: int | None = None,
    iterations: int = 0,
) -> Transition[HeartbeatReply]:
    """running → running, with `fields` written into the record.

    Args:
        weight_updates: how many changes of the weights the worker knows.
        remaining: how much is left to paint, in pixels times iterations.
        iterations: since the last heartbeat.
    """
    arguments: dict[str, Argument] = {
        "fence": fence,
        "lease_ms": milliseconds(lease_seconds),
        "weight_updates": weight_updates,
        "remaining": "" if remaining is None else remaining,
        "iterations": iterations,
    }
    return on_job("heartbeat", job_id, arguments, read=_read_heartbeat_reply, fields=fields)


def succeed(
    job_id: str, fence: str, *, result_key: str, fields: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → succeeded, with the key of the one result."""
    return _commit(job_id, fence, "succeeded", {"result_key": result_key, **fields}, retention)


def fail(
    job_id: str, fence: str, *, code: FailureCode, fields: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → failed, with a code and its sentence; → canceled if the client has requested it."""
    failure = {"error_code": code, "error_detail": FAILURES[code], **fields}
    return _commit(job_id, fence, "failed", failure, retention)


def confirm_cancel(
    job_id: str, fence: str, *, fields: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    """running → canceled, as the client requested."""
    return _commit(job_id, fence, "canceled", fields, retention)


def release(
    job_id: str,
    fence: str,
    *,
    fields: Mapping[str, str] | None = None,
    retention: Retention,
) -> Transition[Committed]:
    """running → queued, as the worker shuts down; → canceled if the client has requested it."""
    arguments: dict[str, Argument] = {"fence": fence, **retention.arguments}
    return on_job("release", job_id, arguments, read=_return_reply, fields=fields)


def hand_over(
    job_id: str, fence: str, *, code: FailureCode, lost_limit: int, fields: Mapping[str, str]
) -> Transition[bool]:
    """running → queued, for another worker, as this one cannot paint the job. Returns whether it is
    queued. It is not if the claim is lost, the client has canceled the job, or too many attempts
    have failed.

    Args:
        code: why this worker cannot paint it.
        lost_limit: as for `recover`.
    """
    arguments: dict[str, Argument] = {"fence": fence, "code": code, "lost_limit": lost_limit}
    return on_job("hand_over", job_id, arguments, read=bool, fields=fields)


def recover(
    job_id: str, *, lost_limit: int, lease_limit_seconds: float, retention: Retention
) -> Transition[Recovered]:
    """running → queued if the lease has run out; → canceled if the client has requested it; →
    failed if the worker was killed for taking too long, or too many attempts have failed.

    Args:
        lost_limit: after how many attempts in a row that failed because of their workers, without
            progress, the job fails.
        lease_limit_seconds: if a lease ends this long after its claim, the attempt was killed
            because it took too long.
    """
    arguments = retention.arguments | {
        "lost_limit": lost_limit,
        "worker_lost_detail": FAILURES["worker_lost"],
        "time_limit_detail": FAILURES["time_limit"],
        "limit_ms": milliseconds(lease_limit_seconds),
    }
    return on_job("recover", job_id, arguments, read=_return_reply)


def cancel(job_id: str, *, retention: Retention) -> Transition[Canceled]:
    """queued → canceled; running → requested, unless its client requested to finish it before;
    over → unchanged."""
    return on_job("cancel", job_id, retention.arguments, read=_return_reply)


def request_finish(job_id: str) -> Transition[FinishReply]:
    """running → requested to commit its picture as it is, unless its client canceled it before;
    anything else → unchanged."""
    return on_job("request_finish", job_id, read=_return_reply)


def promote_preview(job_id: str, result_key: str) -> Transition[Committed]:
    """Gives a job that is over and has no result this one, in the same state."""
    return on_job("promote_preview", job_id, {"result_key": result_key}, read=_return_reply)


def update_weights(
    job_id: str,
    weight_updates: int,
    options: Mapping[str, Any],
    warnings: Sequence[OptionWarning] = (),
) -> Transition[WeightsUpdated]:
    """Changes the weights of a job that is not over, unless they were changed since.

    Args:
        weight_updates: how many changes of the weights the caller knows: nothing else ever
            changes the options.
        options: all of them, with the new weights.
    """
    arguments: dict[str, Argument] = {
        "weight_updates": weight_updates,
        "options": json.dumps(options),
        "warnings": warnings_to_json(warnings),
    }
    return on_job("update_weights", job_id, arguments, read=_return_reply)


def expire(job_id: str, *, retention: Retention) -> Transition[Expired]:
    """queued → expired if its deadline has passed; → failed if it has timed out."""
    arguments = retention.arguments | {"timed_out_detail": FAILURES["timed_out"]}
    return on_job("expire", job_id, arguments, read=_return_reply)


def end_retention(job_id: str, *, remaining_seconds: float = FETCHED_SECONDS) -> Transition[bool]:
    """Notes that the result of a job was sent completely. If the job is retained only until then,
    its retention ends after `remaining_seconds`. Returns whether its end has changed."""
    return on_job(
        "end_retention", job_id, {"remaining_ms": milliseconds(remaining_seconds)}, read=bool
    )


def delete(
    job_id: str, *, retention: Retention, idempotency_key: IdempotencyKey | None = None
) -> Transition[bool]:
    """Deletes a job in any state. Returns whether it existed.

    Args:
        idempotency_key: is deleted too if it refers to this job.
    """
    arguments = {"grace_ms": milliseconds(retention.grace_seconds)}
    return on_job("delete", job_id, arguments, read=bool, keys=_idempotency(idempotency_key))


def delete_past_retention(job_id: str) -> Transition[bool]:
    """Deletes a job if it is past its retention. Returns whether it was."""
    return on_job("delete_past_retention", job_id, read=bool)


def delete_beyond_limit(job_id: str, list_key: str, retention: Retention) -> Transition[bool]:
    """Deletes a job if it is beyond the limit of a list of retained jobs. Returns whether it was.

    Args:
        list_key: the list of its owner, or of all.
    """
    keys = {"list": list_key}
    return on_job("delete_beyond_limit", job_id, retention.limits, read=bool, keys=keys)


def delete_damaged(job_id: str) -> Transition[bool]:
    """Deletes a job whose key holds something other than a record. Returns whether it did."""
    return on_job("delete_damaged", job_id, read=bool)


def mark_cleaned(job_id: str, due_ms: float) -> Transition[bool]:
    """Notes that the cleanup of a job that was due at `due_ms` is done."""
    return on_job("mark_cleaned", job_id, {"due_ms": round(due_ms)}, read=bool)


def postpone_cleanup(job_id: str, due_ms: float, *, delay_seconds: float) -> Transition[bool]:
    """Notes that the cleanup of a job that was due at `due_ms` has failed: it is tried again."""
    arguments: dict[str, Argument] = {
        "due_ms": round(due_ms),
        "delay_ms": milliseconds(delay_seconds),
    }
    return on_job("postpone_cleanup", job_id, arguments, read=bool)


def _commit(
    job_id: str, fence: str, status: str, fields: Mapping[str, str], retention: Retention
) -> Transition[Committed]:
    arguments = {"fence": fence, "status": status} | retention.arguments
    return on_job("commit", job_id, arguments, read=_return_reply, fields=fields)


def _limit_ms(seconds: float | None) -> int:
    """A time limit as the scripts take it: 0 for none."""
    return 0 if seconds is None else max(1, milliseconds(seconds))


def _idempotency(key: IdempotencyKey | None) -> dict[str, str | None]:
    return {"idempotency": key.redis_key if key else None}


def _return_reply(reply: Any) -> Any:
    return reply


def _read_claim(reply: Any) -> Claim | None:
    if reply is None:
        return None
    job_id, fence, fields = reply
    return Claim(job_id, fence, job_if_readable(fields))


def _read_heartbeat_reply(reply: Any) -> HeartbeatReply:
    answer, *changed = reply
    if not changed:
        return HeartbeatReply(answer)
    return HeartbeatReply(answer, int(changed[0]), json.loads(changed[1]))
