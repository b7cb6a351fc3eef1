"""Enqueues a job: its pictures first, then its record, then the message. Or estimates its cost."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, TypeVar

from anyio import CancelScope, to_thread
from fastapi import Query, Response
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError

from api.access.authentication import Access
from api.jobs.responses import get_worker_rates
from api.jobs.schemas import make_estimate
from api.service import Service
from api.submissions.capacity import Demand, compute_demand
from api.submissions.uploads import Submission
from pastiche.job_settings import JobSettings
from pastiche.option_warnings import OptionWarning, find_warnings
from pastiche.options import OptionError, Options
from pastiche.pyramid import scales
from shared import job_records, logs, tracing, transitions
from shared.blob_store import input_key
from shared.errors import FieldError, InvalidFields, QueueFull, StorageUnavailable, TooManyJobs
from shared.inputs import Inputs
from shared.jobs import Place, new_job_id
from shared.pictures import size_of
from shared.queue import publish
from shared.transitions import IdempotencyKey, Retention, Submitted

log = logging.getLogger(__name__)

Source = TypeVar("Source", bound=PurePath | str)

FULL_SECONDS, BUSY_SECONDS, LATE_SECONDS = 30, 10, 1
"""After how long a client may try again: if the queue is full, if its owner has too many jobs in
flight, if storing its pictures took too long."""

DryRun = Annotated[
    bool, Query(description="Only says whether it would be accepted, and what it would cost.")
]
"""Whether a submission is only estimated."""


def compute_work(submission: Submission) -> int:
    """The pixel iterations of each of a submission's jobs.

    Raises:
        InvalidFields: a picture of this shape has no room for so many scales.
    """
    try:
        plan = scales(*size_of(submission.pictures.content), submission.variants[0].options)
    except OptionError as error:
        fault = FieldError(error.field, "invalid_value", f"This {error.sentence}")
        raise InvalidFields([fault]) from error
    return sum(scale.cost for scale in plan)


def list_warnings(options: Options, pictures: Inputs[Path]) -> list[OptionWarning]:
    """The options and pictures of a job that have no effect or an unexpected one."""
    styles = [size_of(style) for style in pictures.style]
    return find_warnings(options, size_of(pictures.content), styles)


def make_place(access: Access, work: int, demand: Demand, settings: JobSettings) -> Place:
    """The place of a job in the queue."""
    return Place(
        caller=access.caller,
        work=work,
        pixels=demand.pixels,
        image_bytes=demand.image_bytes,
        priority=settings.priority,
        wait_seconds=settings.deadline,
        owner=access.owner,
        webhook_url=settings.webhook_url,
        request_id=logs.request_id(),
        traceparent=tracing.traceparent(),
    )


async def enqueue(
    options: Mapping[str, Any],
    pictures: Inputs[Source],
    place: Place,
    service: Service,
    write: Callable[[str, Source], Awaitable[None]],
    idempotency_key: IdempotencyKey | None = None,
    warnings: Sequence[OptionWarning] = (),
) -> str:
    """Creates a job and returns its id. A record never names a picture that is not stored; if
    anything fails, nothing stays behind.

    Args:
        write: stores a picture under a key.

    Raises:
        QueueFull, TooManyJobs, StorageUnavailable: it cannot be accepted now.
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
            _check_outcome(await service.jobs.run(submission), service)
    except BaseException:
        # The record and the idempotency key, too: that writing them failed here does not mean
        # that they were not written.
        with CancelScope(shield=True):
            retention = Retention.from_settings(service.settings)
            await service.jobs.run(
                transitions.delete(job_id, retention=retention, idempotency_key=idempotency_key)
            )
            await service.blobs.delete_job(job_id)
        raise
    return job_id


async def announce(job_ids: Iterable[str], service: Service) -> None:
    """Wakes workers. The records are the queue, messages a hint: a failure is only logged."""
    for job_id in job_ids:
        try:
            await to_thread.run_sync(publish, service.queue, job_id)
        except OperationalError as error:
            log.warning("Job %s is queued, but could not be announced: %s", job_id, error)


def _check_outcome(outcome: Submitted, service: Service) -> None:
    if outcome == "full":
        raise QueueFull("Too many jobs wait already.", retry_after_seconds=FULL_SECONDS)
    if outcome == "busy":
        sentence = f"At most {service.settings.jobs_in_flight} jobs of one owner may wait or run."
        raise TooManyJobs(sentence, retry_after_seconds=BUSY_SECONDS)
    if outcome == "late":
        sentence = "Storing the pictures took too long. Please try again."
        raise StorageUnavailable(sentence, retry_after_seconds=LATE_SECONDS)


async def respond_with_estimate(
    submission: Submission, access: Access, service: Service
) -> Response:
    """What a submission would cost, and when its last result might be there."""
    demand, work = compute_demand(submission), compute_work(submission)
    place = make_place(access, work, demand, submission.settings)
    outlook = await service.jobs.run(job_records.estimate(place))
    rates = await get_worker_rates(service)
    variants = submission.variants
    warnings = dict.fromkeys(
        warning
        for variant in variants
        for warning in list_warnings(variant.options, submission.pictures)
    )
    estimate = make_estimate(
        variants[0].options, len(variants), work, outlook, rates, list(warnings)
    )
    return JSONResponse(estimate.model_dump(mode="json"))
