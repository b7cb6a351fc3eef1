"""A job into the queue: its pictures first, then its record, then the message."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

from anyio import CancelScope, to_thread
from kombu.exceptions import OperationalError

from api.access import Access
from api.capacity import Demand
from api.service import Service
from api.uploads import Submission
from pastiche.option_warnings import OptionWarning, find_warnings
from pastiche.options import OptionError, Options
from pastiche.pyramid import scales
from shared import logs, tracing, transitions
from shared.blob_store import input_key
from shared.errors import FieldError, InvalidFields, QueueFull, StorageUnavailable, TooManyJobs
from shared.inputs import Inputs
from shared.job_options import Wishes
from shared.jobs import new_job_id
from shared.pictures import size_of
from shared.queue import publish
from shared.transitions import IdempotencyKey, Place, Retention, Submitted

log = logging.getLogger(__name__)

Source = TypeVar("Source", bound=PurePath | str)

FULL_SECONDS, BUSY_SECONDS, LATE_SECONDS = 30, 10, 1
"""After how long a client may try again: where the queue is full, where its owner has too many jobs
in flight, where its pictures took too long to be kept."""


def work_of(submission: Submission) -> int:
    """How much there is to paint of each of its jobs, in pixels times iterations.

    Raises:
        InvalidFields: a picture of this shape cannot be painted at so many scales.
    """
    options = Options(**submission.variants[0].options)
    try:
        plan = scales(*size_of(submission.pictures.content), options)
    except OptionError as error:
        fault = FieldError(error.field, "invalid_value", f"This {error.sentence}")
        raise InvalidFields([fault]) from error
    return sum(scale.cost for scale in plan)


def warnings_of(options: Mapping[str, Any], pictures: Inputs[Path]) -> list[OptionWarning]:
    """What of a job's options and pictures does not do what it seems to ask for."""
    styles = [size_of(style) for style in pictures.style]
    return find_warnings(Options(**options), size_of(pictures.content), styles)


def place_of(access: Access, work: int, demand: Demand, wishes: Wishes) -> Place:
    """Where in the queue a job belongs."""
    return Place(
        caller=access.caller,
        work=work,
        pixels=demand.pixels,
        image_bytes=demand.image_bytes,
        priority=wishes.priority,
        wait_seconds=wishes.deadline,
        owner=access.owner,
        webhook_url=wishes.webhook_url,
        request_id=logs.request_id(),
        traceparent=tracing.traceparent(),
    )


async def enqueued(
    options: Mapping[str, Any],
    pictures: Inputs[Source],
    place: Place,
    service: Service,
    write: Callable[[str, Source], Awaitable[None]],
    idempotency_key: IdempotencyKey | None = None,
    warnings: Sequence[OptionWarning] = (),
) -> str:
    """The id of a new job. A record never names a picture that is not there; where anything fails,
    nothing stays behind.

    Args:
        write: puts a picture under a key.

    Raises:
        QueueFull, TooManyJobs, StorageUnavailable: not now.
    """
    job_id = new_job_id()
    inputs = pictures.mapped(lambda source: input_key(job_id, PurePath(source).stem))
    latest_ms = await service.jobs.run(transitions.begin_submission(job_id))
    try:
        with tracing.span("store"):
            for key, source in zip(inputs.all(), pictures.all(), strict=True):
                await write(key, source)
        submission = transitions.submit(
            job_id,
            latest_ms,
            options,
            inputs,
            place,
            queue_limit=service.settings.queue_limit,
            in_flight_limit=service.settings.jobs_in_flight or 0,
            idempotency_key=idempotency_key,
            warnings=warnings,
        )
        with tracing.span("queue", {"pastiche.job.id": job_id}):
            _check(await service.jobs.run(submission), service)
    except BaseException:
        # The record too, and what the key gives: that writing them failed here does not say that
        # they were not written.
        with CancelScope(shield=True):
            retention = Retention.from_settings(service.settings)
            await service.jobs.run(
                transitions.delete(job_id, retention=retention, idempotency_key=idempotency_key)
            )
            await service.blobs.delete_job(job_id)
        raise
    return job_id


async def announce(job_ids: Iterable[str], service: Service) -> None:
    """The records are the truth, messages a hint: that they fail is no fault of the client's."""
    for job_id in job_ids:
        try:
            await to_thread.run_sync(publish, service.queue, job_id)
        except OperationalError as error:
            log.warning("Job %s is queued, but could not be announced: %s", job_id, error)


def _check(outcome: Submitted, service: Service) -> None:
    if outcome == "full":
        raise QueueFull("Too many jobs wait already.", retry_after_seconds=FULL_SECONDS)
    if outcome == "busy":
        sentence = f"At most {service.settings.jobs_in_flight} jobs of one owner may wait or run."
        raise TooManyJobs(sentence, retry_after_seconds=BUSY_SECONDS)
    if outcome == "late":
        sentence = "The pictures took too long to be kept. Please try again."
        raise StorageUnavailable(sentence, retry_after_seconds=LATE_SECONDS)
