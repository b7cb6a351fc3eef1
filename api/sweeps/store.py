"""Sweeps as records in Redis: a job for each pair of images and each combination of values."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from anyio import CancelScope

from api.access.authentication import Access
from api.service import Service
from api.submissions.form import Submission
from api.submissions.pictures import Writer, make_writer
from api.submissions.queueing import enqueue, list_warnings, make_queue_entry
from pastiche.job_settings import MAX_DEADLINE_SECONDS
from shared import transitions
from shared.blob_store import BlobStore
from shared.errors import SubmissionPending
from shared.job_store import Argument, Transition, milliseconds
from shared.jobs import new_job_id
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
        content, style: the names of its two images in a batch; None in a sweep of one pair.
    """

    job_id: str
    values: dict[str, float]
    content: str | None = None
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is stored about a sweep besides its jobs.

    Attributes:
        columns: the number of jobs in a row. A row has the jobs of one content image, or those that
            differ only in the values of the last option.
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

    Returns whether the sweep is stored: it is not if another request now holds its key.

    Args:
        idempotency_key: refers to this sweep from now on.
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
    """Deletes a sweep and its idempotency key. Returns whether the sweep existed."""
    return Transition("sweep/delete", _list_keys(sweep), {}, bool)


def _list_keys(sweep: Sweep) -> dict[str, str | None]:
    return {
        "sweep": make_sweep_key(sweep.id),
        "all": "sweeps:retained",
        "owned": f"sweeps:retained:{sweep.owner}",
    }


async def create_sweep(
    submissions: Sequence[Submission], access: Access, idempotency_key: IdempotencyKey | None
) -> Sweep:
    """Creates a job for each variant of each submission, and the sweep that they are in. If
    anything fails, nothing is left behind.

    Raises:
        SubmissionPending: this took so long that another request now holds the key.
    """
    service = access.service
    entries = [make_queue_entry(submission, access) for submission in submissions]
    all_work = len(submissions[0].variants) * sum(entry.work for entry in entries)
    jobs = [
        (submission, entry, variant)
        for submission, entry in zip(submissions, entries, strict=True)
        for variant in submission.variants
    ]
    async with service.quotas.count_work(access.request, access.caller, all_work):
        members: list[Member] = []
        sweep: Sweep | None = None
        write = _write_each_once(make_writer(submissions[0].stored, service.blobs), service.blobs)
        try:
            for submission, entry, variant in jobs:
                job_id = await enqueue(
                    variant.options.to_dict(),
                    submission.pictures,
                    entry,
                    list_warnings(variant.options, submission),
                    service,
                    write,
                )
                members.append(Member(job_id, variant.values, submission.content, submission.style))
            columns = _count_columns(members)
            sweep = Sweep(new_job_id(), access.owner, datetime.now(UTC), columns, tuple(members))
            await _store(sweep, idempotency_key, service)
        except BaseException:
            with CancelScope(shield=True):
                await delete_jobs(members, service)
                if sweep is not None:  # it may be stored even if storing it failed here
                    await service.jobs.run(delete(sweep))
            raise
    return sweep


def _write_each_once(write: Writer, blobs: BlobStore) -> Writer:
    """Wraps `write`, so that a picture that was written before is copied within the store."""
    written: dict[Path, str] = {}

    async def write_or_copy(key: str, source: Path) -> None:
        if source in written:
            with suppress(FileNotFoundError):  # its job may have been deleted meanwhile
                await blobs.copy(key, written[source])
                return
        await write(key, source)
        written[source] = key

    return write_or_copy


def _count_columns(members: Sequence[Member]) -> int:
    contents = {member.content for member in members}
    if None not in contents:
        return len(members) // len(contents)
    return len({tuple(member.values.items())[-1:] for member in members})


async def _store(sweep: Sweep, idempotency_key: IdempotencyKey | None, service: Service) -> None:
    """Stores the sweep for longer than its jobs wait and are retained."""
    settings = service.settings
    is_stored = await service.jobs.run(
        put(
            sweep,
            retention_seconds=round(2 * 3600 * settings.retention_hours) + MAX_DEADLINE_SECONDS,
            sweeps_per_owner=settings.kept_jobs_per_owner,
            sweeps_in_all=settings.kept_jobs,
            idempotency_key=idempotency_key,
        )
    )
    if not is_stored:
        sentence = "The same submission is being processed."
        raise SubmissionPending(sentence, retry_after_seconds=1)


async def delete_jobs(members: Sequence[Member], service: Service) -> None:
    """Deletes jobs. The records are deleted first: even if deleting pictures fails, nothing more is
    painted."""
    for member in members:
        await service.jobs.run(transitions.delete(member.job_id, retention=service.retention))
        service.job_cache.forget(member.job_id)
    for member in members:
        await service.blobs.delete_job(member.job_id)
