"""Reads jobs from Redis: one job's record, an owner's list, and the queue."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from pastiche.job_settings import WEBHOOK_EVENTS, Keep, WebhookEvent
from pastiche.option_warnings import OptionWarning
from shared.errors import RecordDamaged
from shared.inputs import inputs_from_json
from shared.job_store import (
    JOB_KEYS,
    Argument,
    JobStore,
    Transition,
    milliseconds,
    read_moment,
)
from shared.jobs import (
    DEFAULT_EVENTS,
    NOBODY,
    PRIORITIES,
    BackboneUsed,
    FailedAttempt,
    Job,
    PaintingStats,
    QueueEntry,
    Status,
    Waiting,
    Webhook,
)
from shared.progress import Progress
from shared.stored_json import json_object, known_fields

log = logging.getLogger(__name__)

EXACT = 64
"""A queued job's work ahead is the exact sum for this many jobs before it; see `job/read.lua`."""


def job_from_reply(reply: Any) -> Job | None:
    """The job in the reply of `job/read.lua`; None if there is none.

    Raises:
        RecordDamaged: its record cannot be read.
    """
    flat, *place = reply
    if not flat:
        return None
    record = dict(zip(flat[::2], flat[1::2], strict=True))
    waiting = Waiting(int(place[0]), float(place[1]), float(place[2])) if place else None
    try:
        return Job(**_parse(record), waiting=waiting)
    except _UNREADABLE as error:
        message = f"The record of job {record.get('id', '?')} cannot be read."
        raise RecordDamaged(message) from error


def job_if_readable(fields: Any) -> Job | None:
    """The job in the fields and values of its record, as a script returns them; None if there are
    none, or they cannot be read."""
    try:
        return job_from_reply([fields])
    except RecordDamaged as error:
        log.error("%s", error)
        return None


def warnings_to_json(warnings: Sequence[OptionWarning]) -> str:
    """Warnings as the record stores them; '' if there are none: it then has no such field."""
    return json.dumps([asdict(warning) for warning in warnings]) if warnings else ""


def warnings_from_json(text: str) -> tuple[OptionWarning, ...]:
    """Warnings from the record."""
    return tuple(OptionWarning(**known_fields(OptionWarning, each)) for each in json.loads(text))


def origin_to_text(request_id: str | None, traceparent: str | None) -> str:
    """The request and the trace that a job comes from, as the record stores them: in one field,
    because one more would double the table that Redis keeps of a waiting job's fields."""
    return f"{request_id or ''} {traceparent or ''}".rstrip()


def origin_from_text(text: str) -> tuple[str | None, str | None]:
    """The id of the request, and the `traceparent`, from the record."""
    request_id, _, traceparent = text.partition(" ")
    return request_id or None, traceparent or None


def keep_to_text(keep: Keep | None) -> str:
    """How long a job is retained, as the record stores it: a word, milliseconds, or '' for as long
    as the operator allows. The record then has no such field."""
    if keep is None or isinstance(keep, str):
        return keep or ""
    return str(milliseconds(keep))


def keep_from_text(text: str) -> Keep | None:
    """How long a job is retained, from the record. None, as long as the operator allows, for a word
    that only a newer version knows."""
    if text == "until_fetched":
        return "until_fetched"
    return int(text) / 1000 if text.isdecimal() else None


def events_to_text(events: Sequence[WebhookEvent]) -> str:
    """The events of a webhook, as the record stores them; '', and no field, for the default."""
    return "" if tuple(events) == DEFAULT_EVENTS else ",".join(events)


def events_from_text(text: str) -> tuple[WebhookEvent, ...]:
    """The events from the record, without those that only a newer version knows."""
    names = text.split(",")
    return tuple(event for event in WEBHOOK_EVENTS if event in names)


def failed_attempts_from_text(text: str) -> tuple[FailedAttempt, ...]:
    """The failed attempts from the record."""
    pairs = (each.partition("@") for each in text.split(",") if each)
    return tuple(FailedAttempt(code, worker) for code, _, worker in pairs)


def list_waiting(jobs: JobStore, limit: int) -> list[str]:
    """The jobs that are to be painted next, first to last."""
    return [str(job_id) for job_id in jobs.client.zrange(JOB_KEYS["waiting"], 0, limit - 1)]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A part of the queue.

    Attributes:
        jobs: those to be painted next, first to last, by their ids; None for a job whose record is
            missing or cannot be read.
        rest: the place after which the queue continues; None at its end.
    """

    jobs: dict[str, Job | None]
    rest: str | None


def read_queue(*, after: str | None, limit: int) -> Transition[QueuePage]:
    """A part of the queue, after a place of an earlier part or from its beginning."""

    def read(reply: Any) -> QueuePage:
        rest, found = reply
        return QueuePage({job_id: job_if_readable(each) for job_id, each in found}, rest or None)

    arguments: dict[str, Argument] = {"after": after or "-inf", "limit": limit}
    return Transition("read_queue", _keys("waiting"), arguments, read)


@dataclass(frozen=True, slots=True)
class QueueEstimate:
    """The place that a job would have in the queue.

    Attributes:
        position: how many jobs would wait before it.
        work_ahead: how much would be painted before it, in pixels times iterations.
    """

    position: int
    work_ahead: float


def estimate(entry: QueueEntry) -> Transition[QueueEstimate]:
    """The place that a job of this caller and priority would have in the queue now."""
    keys = _keys("waiting", "turns", "work_left", "running")
    lane = PRIORITIES.index(entry.priority)
    arguments: dict[str, Argument] = {"lane": lane, "caller": entry.caller, "exact": EXACT}
    return Transition(
        "estimate",
        keys,
        arguments,
        lambda reply: QueueEstimate(int(reply[0]), float(reply[1])),
    )


@dataclass(frozen=True, slots=True)
class JobPage:
    """A part of an owner's list.

    Attributes:
        jobs: the newest first.
        damaged: what is wrong with records that cannot be read; their jobs are left out.
        rest: the place after which the list continues; None at its end.
    """

    jobs: list[Job]
    damaged: list[str]
    rest: str | None


def list_jobs(
    owner: str, *, before: str, limit: int, status: Status | None, most: int
) -> Transition[JobPage]:
    """The newest jobs of an owner.

    Args:
        before: the place after which the list continues; empty for its beginning.
        status: the state of the jobs; None for any.
        most: how many are read, including those without a readable record.
    """
    keys = _keys("index", "by_status", "waiting", "running", "work_left")
    arguments: dict[str, Argument] = {
        "owner": owner,
        "before": before,
        "limit": limit,
        "status": status or "",
        "most": most,
        "exact": EXACT,
    }
    return Transition("list_jobs", keys, arguments, _read_page)


def _read_page(reply: Any) -> JobPage:
    rest, replies = reply
    jobs, damaged = [], []
    for each in replies:
        try:
            job = job_from_reply(each)
        except RecordDamaged as error:
            damaged.append(str(error))
            continue
        if job is not None:
            jobs.append(job)
    return JobPage(jobs, damaged, rest or None)


_UNREADABLE = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, OSError)
"""What parsing text of another program may raise; OSError for a moment that is out of range."""


def _parse(record: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a job, from the fields of its record.

    Records of older versions do not have these fields:
        lane → normal priority
        work, pixels, image_bytes → 0: unknown
        owner → nobody
        written_by → '': unknown

    Settings that were not given, warnings and measurements may also have no field.
    """
    progress = record.get("progress")
    iteration = record.get("preview_iteration")
    request_id, traceparent = origin_from_text(record.get("request_id", ""))
    inputs, unknown_inputs = inputs_from_json(record["inputs"])
    moments = ("started", "finished", "expires", "deadline", "timeout")
    return {
        "id": record["id"],
        "written_by": record.get("written_by", ""),
        "owner": record.get("owner", NOBODY),
        "status": cast(Status, record["status"]),  # the scripts write no other
        "version": int(record["version"]),
        "options": json_object(record["options"]),
        "inputs": inputs,
        "unknown_inputs": tuple(key for keys in unknown_inputs.values() for key in keys),
        "warnings": warnings_from_json(record.get("warnings", "[]")),
        "created_at": read_moment(record["created_ms"]),
        **{f"{each}_at": _read_moment_if_set(record.get(f"{each}_ms")) for each in moments},
        "keep": keep_from_text(record.get("keep", "")),
        "priority": PRIORITIES[int(record.get("lane", 1))],
        "attempt": int(record["attempt"]),
        **{name: int(record.get(name, 0)) for name in ("work", "pixels", "image_bytes")},
        "weight_updates": int(record.get("reweighed", 0)),
        "progress": Progress.from_json(progress) if progress else None,
        "backbone": _backbone(record),
        "stats": _stats(record["stats"]) if "stats" in record else None,
        "preview_iteration": int(iteration) if iteration else None,
        "fence": record.get("fence"),
        "preview_key": record.get("preview_key"),
        "losses_key": record.get("losses_key"),
        "result_key": record.get("result_key"),
        "error_code": record.get("error_code"),
        "error_detail": record.get("error_detail"),
        "attempt_traceparent": record.get("attempt_traceparent"),
        "failed_attempts": failed_attempts_from_text(record.get("failed_attempts", "")),
        "lost_attempts": int(record.get("lost", 0)),
        "cancel_requested": "cancel_requested" in record,
        "request_id": request_id,
        "traceparent": traceparent,
        "webhook": _webhook(record) if "webhook_url" in record else None,
    }


def _backbone(record: Mapping[str, str]) -> BackboneUsed | None:
    name, sha256 = record.get("backbone_name"), record.get("backbone_sha256")
    return BackboneUsed(name, sha256 or None) if name else None


def _stats(text: str) -> PaintingStats:
    return PaintingStats(**known_fields(PaintingStats, json_object(text)))


def _webhook(record: Mapping[str, str]) -> Webhook:
    events = record.get("webhook_events")
    return Webhook(
        url=record["webhook_url"],
        events=events_from_text(events) if events else DEFAULT_EVENTS,
        pending=events_from_text(record.get("webhook_pending", "")),
        tries=int(record.get("webhook_tries", 0)),
        tried_at=_read_moment_if_set(record.get("webhook_tried_ms")),
        error=record.get("webhook_error") or None,
        again_at=_read_moment_if_set(record.get("webhook_again_ms")),
    )


def _read_moment_if_set(milliseconds: str | None) -> datetime | None:
    return read_moment(milliseconds) if milliseconds else None


def _keys(*names: str) -> dict[str, str]:
    return {name: JOB_KEYS[name] for name in names}
