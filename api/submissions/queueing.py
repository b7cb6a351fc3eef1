"""Queues a submission: checks whether a worker can paint it and what it costs, stores its pictures,
writes its record and sends the message."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from math import prod
from pathlib import PurePath
from typing import Annotated, Any, NamedTuple, TypeVar

from anyio import CancelScope, to_thread
from fastapi import Query, Response
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError

from api.access.authentication import Access
from api.http.problems import invalid_option_error
from api.jobs.dependencies import get_worker_speeds
from api.jobs.estimates import estimate_seconds
from api.jobs.schemas import Estimate, JobOptions, JobWarning
from api.service import Service
from api.submissions.form import Submission
from pastiche.memory_budget import ImageSizes
from pastiche.option_warnings import OptionWarning, find_warnings
from pastiche.options import LAYER_OPTIONS, MIN_SIZE, OptionError, Options, missing_layers
from pastiche.sizes import fitted, scales
from shared import job_records, logs, tracing, transitions
from shared.blob_store import input_key
from shared.celery_app import publish
from shared.errors import FieldError, InvalidFields, QueueFull, StorageUnavailable, TooManyJobs
from shared.inputs import Inputs
from shared.jobs import Job, QueueEntry, new_job_id
from shared.transitions import IdempotencyKey, Submitted
from shared.workers import Worker, list_recent_workers, list_workers

log = logging.getLogger(__name__)

Source = TypeVar("Source", bound=PurePath | str)

FULL_SECONDS, BUSY_SECONDS, LATE_SECONDS = 30, 10, 1
"""After how long a client may try again: if the queue is full, if its owner has too many jobs in
flight, if storing its pictures took too long."""

DryRun = Annotated[
    bool, Query(description="Only says whether it would be accepted, and what it would cost.")
]
"""Whether a submission is only estimated."""


class Demand(NamedTuple):
    """What the memory for a picture depends on, besides its options.

    Attributes:
        pixels: the size of the picture; 0 if it is not known.
        image_bytes: about how much memory the images that it is made from take.
    """

    pixels: int
    image_bytes: int


def compute_demand(options: Options, sizes: ImageSizes) -> Demand:
    """The demand of a picture of images with these sizes."""
    return Demand(prod(fitted(*sizes.content, options.size)), sizes.total_bytes(options))


async def check_capacity(options: Options, sizes: Iterable[ImageSizes], service: Service) -> None:
    """Checks that a worker that is alive or remembered has the backbone that the options choose,
    and that for each picture one has the memory. If no worker is alive, the jobs may wait for one.

    Args:
        sizes: the sizes of the images that each picture is made from.

    Raises:
        InvalidFields: no worker has them.
    """
    await _check(options, [partial(compute_demand, sizes=each) for each in sizes], service)


async def check_retry_capacity(job: Job, service: Service) -> None:
    """The same for a job that is retried."""
    options = job.read_options()
    shape = (options.size, max(1, job.pixels // options.size))

    def demand_for(resized: Options) -> Demand:
        return Demand(prod(fitted(*shape, resized.size)), job.image_bytes)

    await _check(options, [demand_for], service)


async def _check(
    options: Options, demands: Sequence[Callable[[Options], Demand]], service: Service
) -> None:
    """
    Args:
        demands: of each picture, the demand of the same picture with other options.
    """
    live_workers = await service.jobs.run(list_workers())
    if not live_workers:
        return
    try:
        _check_pictures(options, demands, live_workers)
    except InvalidFields:  # perhaps a worker that is restarting can paint them
        _check_pictures(options, demands, await service.jobs.run(list_recent_workers()))


def _check_pictures(
    options: Options, demands: Sequence[Callable[[Options], Demand]], workers: list[Worker]
) -> None:
    _check_backbone(options, workers)
    for demand_for in demands:
        _check_memory(options, demand_for, workers)


def _check_memory(
    options: Options, demand_for: Callable[[Options], Demand], workers: list[Worker]
) -> None:
    def can_be_painted(size: int) -> bool:
        resized = replace(options, size=size)
        demand = demand_for(resized)
        return any(worker.can_paint(resized, *demand) for worker in workers)

    if can_be_painted(options.size):
        return
    largest = _find_largest(can_be_painted, options.size)
    sentence = (
        f"The workers' memory allows a longest side of at most {largest} pixels for this picture."
    )
    if largest is None:
        sentence = "No worker has the memory for this picture, whatever its size."
    raise InvalidFields([FieldError("size", "size_too_large", sentence)])


def _find_largest(can_be_painted: Callable[[int], bool], beyond: int) -> int | None:
    """The largest size that can be painted, below one that cannot; None if there is none."""
    below, above = MIN_SIZE - 1, beyond
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if can_be_painted(middle) else (below, middle)
    return below if below >= MIN_SIZE else None


def _check_backbone(options: Options, workers: list[Worker]) -> None:
    if any(worker.has_backbone(options) for worker in workers):
        return
    choice = options.backbone
    available = sorted({name for worker in workers for name in worker.backbones})
    if choice != "auto" and choice not in available:
        sentence = (
            f"No worker has the weights of {choice}; there are {', '.join(available)}. Name one of "
            f"these as `backbone`, or have the operator run `pastiche weights {choice}`."
        )
        raise InvalidFields([FieldError("backbone", "backbone_missing", sentence)])
    name = workers[0].backbone if choice == "auto" else choice
    raise InvalidFields(
        [
            FieldError(each, "invalid_value", f"The {name} backbone here has no {layer}.")
            for each in LAYER_OPTIONS
            for layer in missing_layers(name, getattr(options, each))
        ]
    )


def make_queue_entry(submission: Submission, access: Access) -> QueueEntry:
    """The entry in the queue of each of a submission's jobs.

    Raises:
        InvalidFields: a picture of this shape is too small for this many scales.
    """
    options, settings = submission.variants[0].options, submission.settings
    try:
        plan = scales(*submission.sizes.content, options)
    except OptionError as error:
        raise InvalidFields([invalid_option_error(error)]) from error
    demand = compute_demand(options, submission.sizes)
    return QueueEntry(
        caller=access.caller,
        work=sum(scale.cost for scale in plan),
        pixels=demand.pixels,
        image_bytes=demand.image_bytes,
        priority=settings.priority,
        wait_seconds=settings.deadline,
        timeout_seconds=settings.timeout,
        keep=settings.keep,
        owner=access.owner,
        webhook_url=settings.webhook_url,
        webhook_events=settings.webhook_events,
        request_id=logs.request_id(),
        traceparent=tracing.traceparent(),
    )


def list_warnings(options: Options, submission: Submission) -> list[OptionWarning]:
    """The options and pictures of a job that have no effect or an unexpected one."""
    return find_warnings(options, submission.sizes.content, submission.sizes.styles)


async def enqueue(
    options: Mapping[str, Any],
    pictures: Inputs[Source],
    entry: QueueEntry,
    warnings: Sequence[OptionWarning],
    service: Service,
    write: Callable[[str, Source], Awaitable[None]],
    idempotency_key: IdempotencyKey | None = None,
) -> str:
    """Creates a job and returns its id. A record never names a picture that is not stored. If
    anything fails, nothing is left behind.

    Args:
        write: stores a picture under a key.

    Raises:
        QueueFull, TooManyJobs, StorageUnavailable: it cannot be accepted now.
    """
    job_id = new_job_id()
    inputs = pictures.mapped(lambda source: input_key(job_id, PurePath(source).name))
    latest_ms = await service.jobs.run(transitions.begin_submission(job_id))
    try:
        with tracing.span("store"):
            # A picture that is given several times has one key.
            for key, source in dict(zip(inputs.all(), pictures.all(), strict=True)).items():
                await write(key, source)
        submission = transitions.submit(
            job_id,
            latest_ms,
            options,
            inputs,
            entry,
            queue_limit=service.settings.queue_limit,
            in_flight_limit=service.settings.jobs_in_flight or 0,
            idempotency_key=idempotency_key,
            warnings=warnings,
        )
        with tracing.span("queue", {"pastiche.job.id": job_id}):
            _check_outcome(await service.jobs.run(submission), service)
    except BaseException:
        # Delete the record and the idempotency key, too: they may have been written even if
        # writing them failed here.
        with CancelScope(shield=True):
            deletion = transitions.delete(
                job_id, retention=service.retention, idempotency_key=idempotency_key
            )
            await service.jobs.run(deletion)
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


async def respond_with_estimate(submissions: Sequence[Submission], access: Access) -> Response:
    """What submissions would cost together, and when their last result is expected."""
    entries = [make_queue_entry(submission, access) for submission in submissions]
    place = await access.service.jobs.run(job_records.estimate(entries[0]))
    speeds = await get_worker_speeds(access.service)
    warnings = dict.fromkeys(
        warning
        for submission in submissions
        for variant in submission.variants
        for warning in list_warnings(variant.options, submission)
    )
    variants = submissions[0].variants
    work = len(variants) * sum(entry.work for entry in entries)
    options, jobs = variants[0].options, len(variants) * len(submissions)
    plan = scales(*submissions[-1].sizes.content, options)
    estimate = Estimate(
        options=JobOptions(options.to_dict()),
        warnings=[JobWarning(**asdict(warning)) for warning in warnings],
        jobs=jobs,
        megapixel_iterations=round(work / 1e6, 3),
        queue_position=place.position,
        eta_seconds=estimate_seconds(place.work_ahead, plan, speeds, jobs=jobs),
    )
    return JSONResponse(estimate.model_dump(mode="json"))
