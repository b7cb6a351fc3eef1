"""The one resource, `/jobs`: submit, look, change the weights, cancel, erase."""

import logging
from http import HTTPStatus
from math import isqrt, prod
from typing import Annotated, Any

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError

from api.access import Access, AccessOf
from api.etags import unchanged
from api.problems import responses
from api.schemas import JobView, Reweighing, view_of
from api.service import Service, ServiceOf
from api.submission_options import form_schema
from api.uploads import Submission, received
from pastiche.options import OptionError, Options
from pastiche.pyramid import scales
from pastiche.sizes import fitted
from shared import transitions
from shared.blob_store import input_key
from shared.errors import (
    FieldError,
    InvalidFields,
    JobExpired,
    JobNotFound,
    JobOver,
    QueueFull,
    StorageUnavailable,
    TooManyJobs,
)
from shared.jobs import Job, is_job_id, new_job_id
from shared.pictures import size_of
from shared.queue import publish
from shared.transitions import Keeping, Place
from shared.workers import living

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"])

POLL_SECONDS = 1

BUSY_SECONDS = 10
"""After how long an owner with too many jobs may try again."""


async def _job(job_id: str, access: AccessOf, service: ServiceOf) -> Job:
    """The job that a path names; 404 for a name that never was one, and for another owner's; 410
    past its retention."""
    job = await service.jobs.run(transitions.look(job_id)) if is_job_id(job_id) else None
    if job is None or job.owner != access.owner:
        raise JobNotFound(f"There is no job {job_id!r}.")
    if job.is_past_retention:
        raise JobExpired(f"Job {job_id} was kept until {job.expires_at:%Y-%m-%d %H:%M} UTC.")
    return job


JobOf = Annotated[Job, Depends(_job)]
"""The job that a path names, as an endpoint asks for it."""


_REQUEST_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": form_schema()}},
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobView,
    responses=responses(400, 413, 415, 422, 503, 507),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def submit(request: Request, access: AccessOf, service: ServiceOf) -> Response:
    """Takes a content image, style images and options, and queues the job."""

    async def result_of(job_id: str) -> bytes:
        return await _result_of(job_id, access, service)

    async with received(request, service.settings, service.decoder, result_of) as submission:
        await _check_room(submission, service)
        place = _place(submission, access)
        await service.quotas.count_work(request, access.caller, place.work)
        job_id = await _queued(submission, place, service)
    await _announce(job_id, service)
    job = await _job(job_id, access, service)
    return await answer(job, service, HTTPStatus.ACCEPTED, {"Location": f"/jobs/{job_id}"})


@router.get(
    "/{job_id}",
    response_model=JobView,
    responses=responses(404, 410, 503) | {304: {"description": "Unchanged"}},
)
async def look(request: Request, job: JobOf, service: ServiceOf) -> Response:
    """The job as it stands; nothing but 304 where `If-None-Match` says that it is known."""
    if unchanged(request, etag_of(job)):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_headers(job))
    return await answer(job, service)


@router.patch(
    "/{job_id}", response_model=JobView, responses=responses(400, 404, 409, 410, 422, 503)
)
async def reweigh(
    changes: Reweighing, job: JobOf, access: AccessOf, service: ServiceOf
) -> Response:
    """Changes the weights of a job that is not over; a running one goes on from where it is."""
    while True:
        transition = transitions.reweigh(job.id, job.options, _reweighed(job, changes))
        outcome = await service.jobs.run(transition)
        job = await _job(job.id, access, service)
        if outcome == "over":
            raise JobOver(f"The job is {job.status}: its weights no longer matter.")
        if outcome == "ok":
            return await answer(job, service)


@router.post("/{job_id}/cancel", response_model=JobView, responses=responses(404, 410, 503))
async def cancel(job: JobOf, access: AccessOf, service: ServiceOf) -> Response:
    """Ends a job that waits; asks the worker of a running one (202); leaves one that is over."""
    keeping = Keeping.of(service.settings)
    outcome = await service.jobs.run(transitions.cancel(job.id, keeping=keeping))
    status = HTTPStatus.ACCEPTED if outcome == "asked" else HTTPStatus.OK
    return await answer(await _job(job.id, access, service), service, status)


@router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses(404, 410, 503))
async def erase(job: JobOf, service: ServiceOf) -> None:
    """Cancels the job and erases its record and its pictures."""
    keeping = Keeping.of(service.settings)
    await service.jobs.run(transitions.erase(job.id, keeping=keeping))
    await service.blobs.delete_job(job.id)


async def answer(
    job: Job,
    service: Service,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """A job as a response: its JSON, its ETag, and when to ask again while it is not over."""
    body = view_of(job, await rates_of(job, service)).model_dump(mode="json")
    return JSONResponse(body, status, headers=_headers(job) | (headers or {}))


def etag_of(job: Job) -> str:
    """The version; a job that waits also moves up when others go."""
    place = "" if job.queue_position is None else f"-{job.queue_position}"
    return f'"{job.version}{place}"'


def _headers(job: Job) -> dict[str, str]:
    headers = {"ETag": etag_of(job), "Cache-Control": "private, no-cache"}
    return headers if job.is_over else headers | {"Retry-After": str(POLL_SECONDS)}


async def rates_of(job: Job, service: Service) -> list[float]:
    """How much each worker that lives paints a second, as far as a job that waits is concerned;
    not those that have not painted yet."""
    if job.status != "queued":
        return []
    return [worker.rate for worker in await service.jobs.run(living()) if worker.rate]


def _reweighed(job: Job, changes: Reweighing) -> dict[str, Any]:
    """The job's options with these changes."""
    wanted = job.options | changes.model_dump(exclude_none=True)
    try:
        Options(**wanted)
    except OptionError as error:
        fault = FieldError(error.field, "invalid_value", f"This {error.sentence}")
        raise InvalidFields([fault]) from error
    return wanted


async def _result_of(job_id: str, access: Access, service: Service) -> bytes:
    """What an earlier job painted, for the next one to start from."""
    try:
        job = await _job(job_id, access, service)
    except (JobNotFound, JobExpired) as error:
        raise InvalidFields([FieldError("start", "no_result", error.detail)]) from error
    if job.result_key is None:
        sentence = f"Job {job_id} has no picture to start from: it is {job.status}."
        raise InvalidFields([FieldError("start", "no_result", sentence)])
    return await service.blobs.get_async(job.result_key)


async def _check_room(submission: Submission, service: Service) -> None:
    """Raises InvalidFields where no worker that lives has the memory for a picture of this size."""
    workers = await service.jobs.run(living())
    size: int = submission.options["size"]
    height, width = size_of(submission.pictures.content)
    most = max((worker.most_pixels for worker in workers), default=None)
    if most is None or prod(fitted(height, width, size)) <= most:
        return
    largest = isqrt(most * max(height, width) // min(height, width))
    sentence = f"For this picture at most {largest} pixels can be painted: the memory ends there."
    raise InvalidFields([FieldError("size", "size_too_large", sentence)])


async def _queued(submission: Submission, place: Place, service: Service) -> str:
    """Pictures first, then the record: a record never names a picture that is not there."""
    job_id = new_job_id()
    inputs = submission.pictures.mapped(lambda file: input_key(job_id, file.stem))
    await service.jobs.run(transitions.begin(job_id))
    try:
        for key, file in zip(inputs.all(), submission.pictures.all(), strict=True):
            await service.blobs.put_file(key, file)
        settings = service.settings
        queued = transitions.submit(
            job_id,
            submission.options,
            inputs,
            place,
            queue_limit=settings.queue_limit,
            in_flight_limit=settings.jobs_in_flight or 0,
        )
        outcome = await service.jobs.run(queued)
        if outcome == "full":
            raise QueueFull("Too many jobs wait already.", retry_after_seconds=30)
        if outcome == "busy":
            sentence = f"At most {settings.jobs_in_flight} jobs of one owner may wait or run."
            raise TooManyJobs(sentence, retry_after_seconds=BUSY_SECONDS)
        if outcome == "late":
            sentence = "The pictures took too long to be kept. Please try again."
            raise StorageUnavailable(sentence, retry_after_seconds=POLL_SECONDS)
    except BaseException:
        # The record too: that its writing failed here does not say that it was not written.
        with CancelScope(shield=True):
            keeping = Keeping.of(service.settings)
            await service.jobs.run(transitions.erase(job_id, keeping=keeping))
            await service.blobs.delete_job(job_id)
        raise
    return job_id


def _place(submission: Submission, access: Access) -> Place:
    """Where in the queue the job belongs, and how much there is to paint."""
    options = Options(**submission.options)
    plan = scales(*size_of(submission.pictures.content), options)
    wishes = submission.wishes
    work = sum(scale.cost for scale in plan)
    return Place(access.caller, work, wishes.priority, wishes.deadline, access.owner)


async def _announce(job_id: str, service: Service) -> None:
    """The record is the truth, the message a hint: that it fails is no fault of the client's."""
    try:
        await to_thread.run_sync(publish, service.queue, job_id)
    except OperationalError as error:
        log.warning("Job %s is queued, but could not be announced: %s", job_id, error)
