"""A job into the queue: its pictures first, then its record, then the message."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import isqrt, prod
from pathlib import Path, PurePath
from typing import Any, TypeVar

from anyio import CancelScope, to_thread
from kombu.exceptions import OperationalError

from api.access import Access
from api.service import Service
from api.uploads import Submission
from pastiche.job_settings import JobSettings
from pastiche.option_warnings import OptionWarning, find_warnings
from pastiche.options import LAYER_OPTIONS, OptionError, Options, missing_layers
from pastiche.pyramid import scales
from pastiche.sizes import fitted
from shared import logs, tracing, transitions
from shared.blob_store import input_key
from shared.errors import FieldError, InvalidFields, QueueFull, StorageUnavailable, TooManyJobs
from shared.jobs import Inputs, Job, new_job_id
from shared.pictures import size_of
from shared.queue import publish
from shared.transitions import Keeping, Once, Place, Submitted
from shared.workers import Worker, living

log = logging.getLogger(__name__)

Source = TypeVar("Source", bound=PurePath | str)

FULL_SECONDS, BUSY_SECONDS, LATE_SECONDS = 30, 10, 1
"""After how long a client may try again: where the queue is full, where its owner has too many jobs
in flight, where its pictures took too long to be kept."""


async def check_room(submission: Submission, service: Service) -> None:
    """Raises InvalidFields where no worker that lives has the backbone of a submission and the
    memory for a picture of this size. Where none lives, the job may wait for one."""
    options = submission.variants[0].options
    workers = await service.jobs.run(living())
    shape = size_of(submission.pictures.content)
    _check_workers(options.to_dict(), pixels_of(submission), shape, workers)


async def check_room_again(job: Job, service: Service) -> None:
    """The same for a job that is to be done again."""
    options = job.read_options()
    shape = (options.size, max(1, job.pixels // options.size))
    workers = await service.jobs.run(living())
    _check_workers(options.to_dict(), job.pixels, shape, workers)


def _check_workers(
    options: Mapping[str, Any], pixels: int, shape: tuple[int, int], workers: list[Worker]
) -> None:
    _check_backbone(options, workers)
    able = [worker.most_pixels for worker in workers if worker.has_backbone(options)]
    if not able or pixels <= max(able):
        return
    largest = isqrt(max(able) * max(shape) // min(shape))
    sentence = f"For this picture at most {largest} pixels can be painted: the memory ends there."
    raise InvalidFields([FieldError("size", "size_too_large", sentence)])


def _check_backbone(options: Mapping[str, Any], workers: list[Worker]) -> None:
    if not workers or any(worker.has_backbone(options) for worker in workers):
        return
    choice = options["backbone"]
    there = sorted({name for worker in workers for name in worker.backbones})
    if choice != "auto" and choice not in there:
        sentence = (
            f"No worker has the weights of {choice}; there are {', '.join(there)}. Name one of "
            f"these as `backbone`, or have the operator run `pastiche weights {choice}`."
        )
        raise InvalidFields([FieldError("backbone", "backbone_missing", sentence)])
    name = workers[0].backbone if choice == "auto" else choice
    raise InvalidFields(
        [
            FieldError(each, "invalid_value", f"The {name} backbone here has no {layer}.")
            for each in LAYER_OPTIONS
            for layer in missing_layers(name, options[each])
        ]
    )


def work_of(submission: Submission) -> int:
    """How much there is to paint of each of its jobs, in pixels times iterations.

    Raises:
        InvalidFields: a picture of this shape cannot be painted at so many scales.
    """
    try:
        plan = scales(*size_of(submission.pictures.content), submission.variants[0].options)
    except OptionError as error:
        fault = FieldError(error.field, "invalid_value", f"This {error.sentence}")
        raise InvalidFields([fault]) from error
    return sum(scale.cost for scale in plan)


def pixels_of(submission: Submission) -> int:
    """How many pixels each of its pictures will have."""
    size = submission.variants[0].options.size
    return prod(fitted(*size_of(submission.pictures.content), size))


def warnings_of(options: Options, pictures: Inputs[Path]) -> list[OptionWarning]:
    """What of a job's options and pictures does not do what it seems to ask for."""
    styles = [size_of(style) for style in pictures.style]
    return find_warnings(options, size_of(pictures.content), styles)


def place_of(access: Access, work: int, pixels: int, settings: JobSettings) -> Place:
    """Where in the queue a job belongs."""
    return Place(
        caller=access.caller,
        work=work,
        pixels=pixels,
        priority=settings.priority,
        wait_seconds=settings.deadline,
        owner=access.owner,
        webhook_url=settings.webhook_url,
        request_id=logs.request_id(),
        traceparent=tracing.traceparent(),
    )


async def enqueued(
    options: Mapping[str, Any],
    pictures: Inputs[Source],
    place: Place,
    service: Service,
    write: Callable[[str, Source], Awaitable[None]],
    once: Once | None = None,
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
    latest_ms = await service.jobs.run(transitions.begin(job_id))
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
            once=once,
            warnings=warnings,
        )
        with tracing.span("queue", {"pastiche.job.id": job_id}):
            _check(await service.jobs.run(submission), service)
    except BaseException:
        # The record too, and what the key gives: that writing them failed here does not say that
        # they were not written.
        with CancelScope(shield=True):
            keeping = Keeping.of(service.settings)
            await service.jobs.run(transitions.erase(job_id, keeping=keeping, once=once))
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
