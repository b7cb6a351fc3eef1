"""The one resource, `/jobs`: list, look, change the weights, cancel, erase."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access import Access, AccessOf, access_of
from api.etags import unchanged
from api.listing import CURSOR, MOST_LISTED, page, worker_rates
from api.problems import responses_to_callers
from api.queries import IN_ASCII_DIGITS
from api.schemas import JobsView, JobView, Reweighing, view_of
from api.service import Service, ServiceOf, service_of
from pastiche.option_warnings import update_warnings
from pastiche.options import OptionError, Options
from shared import transitions
from shared.errors import (
    ChangedMeanwhile,
    FieldError,
    FinishRequested,
    InvalidFields,
    JobExpired,
    JobNotFound,
    JobOver,
)
from shared.jobs import Job, Status, is_job_id, known_options
from shared.transitions import Retention

router = APIRouter(prefix="/jobs", tags=["jobs"])

POLL_SECONDS = 1

_MOST_TRIES = 5
"""How often weights are set that other requests change at the same time."""


async def job_of(job_id: str, access: Access, service: Service) -> Job:
    """The job of this name; 404 for a name that never was one, and for another owner's; 410
    past its retention."""
    job = await service.glances.job(job_id) if is_job_id(job_id) else None
    if job is None or job.owner != access.owner:
        raise JobNotFound(f"There is no job {job_id!r}.")
    if job.is_past_retention:
        raise JobExpired(f"Job {job_id} was kept until {job.expires_at:%Y-%m-%d %H:%M} UTC.")
    return job


async def job_exists(job_id: str, service: Service) -> bool:
    """Whether a job can still be fetched: it is neither deleted nor past its retention."""
    job = await service.glances.job(job_id)
    return job is not None and not job.is_past_retention


async def _job(job_id: str, request: Request, access: AccessOf) -> Job:
    return await job_of(job_id, access, service_of(request.app))


JobOf = Annotated[Job, Depends(_job)]
"""The job that a path names, as an endpoint asks for it."""


@router.get("", responses=responses_to_callers(422))
async def listed(
    access: AccessOf,
    service: ServiceOf,
    status: Annotated[Status | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED), IN_ASCII_DIGITS] = 20,
    cursor: Annotated[
        str | None, Query(pattern=CURSOR, description="`next_cursor` of the page before.")
    ] = None,
) -> JobsView:
    """The caller's jobs, the newest first."""
    views, rest = await page(access.owner, status, limit, cursor, service)
    return JobsView(jobs=views, next_cursor=rest)


@router.get(
    "/{job_id}",
    response_model=JobView,
    responses=responses_to_callers(404, 410) | {304: {"description": "Unchanged"}},
)
async def look(job_id: str, request: Request) -> Response:
    """The job as it stands; nothing but 304 where `If-None-Match` says that it is known."""
    # Asked for more often than all else together: without dependencies that FastAPI resolves anew
    # for each request.
    service = service_of(request.app)
    job = await job_of(job_id, await access_of(request), service)
    if unchanged(request, etag_of(job)):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_headers(job))
    return await answer(job, service)


@router.patch(
    "/{job_id}", response_model=JobView, responses=responses_to_callers(400, 404, 409, 410, 422)
)
async def reweigh(
    changes: Reweighing, job: JobOf, access: AccessOf, service: ServiceOf
) -> Response:
    """Changes the weights of a job that is not over; a running one goes on from where it is."""
    for _ in range(_MOST_TRIES):
        options = _reweighed(job, changes)
        warnings = update_warnings(job.warnings, Options(**known_options(options)))
        transition = transitions.update_weights(job.id, job.weight_updates, options, warnings)
        outcome = await service.jobs.run(transition)
        job = await job_of(job.id, access, service)
        if outcome == "over":
            raise JobOver(f"The job is {job.status}: its weights no longer matter.")
        if outcome == "ok":
            return await answer(job, service)
    raise ChangedMeanwhile("Other requests change the weights of this job. Please try again.")


@router.post(
    "/{job_id}/cancel", response_model=JobView, responses=responses_to_callers(404, 409, 410)
)
async def cancel(job: JobOf, access: AccessOf, service: ServiceOf) -> Response:
    """Ends a job that waits; asks the worker of a running one (202); leaves one that is over. One
    that is about to succeed, because that was asked for before, can only be erased (409)."""
    retention = Retention.from_settings(service.settings)
    outcome = await service.jobs.run(transitions.cancel(job.id, retention=retention))
    if outcome == "finishing":
        raise FinishRequested(
            "The job was asked to finish and is about to succeed; DELETE erases it and its picture."
        )
    status = HTTPStatus.ACCEPTED if outcome == "requested" else HTTPStatus.OK
    return await answer(await job_of(job.id, access, service), service, status)


@router.delete(
    "/{job_id}", status_code=HTTPStatus.NO_CONTENT, responses=responses_to_callers(404, 410)
)
async def erase(job: JobOf, service: ServiceOf) -> None:
    """Cancels the job and erases its record and its pictures."""
    retention = Retention.from_settings(service.settings)
    await service.jobs.run(transitions.delete(job.id, retention=retention))
    await service.blobs.delete_job(job.id)


async def answer(
    job: Job,
    service: Service,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """A job as a response: its JSON, its ETag, and when to ask again while it is not over."""
    rates = await rates_of(job, service)
    body = service.glances.body(job, lambda job: view_of(job, rates).model_dump_json().encode())
    told = _headers(job) | (headers or {})
    return Response(body, status, headers=told, media_type="application/json")


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
    return await worker_rates(service) if job.status == "queued" else []


def _reweighed(job: Job, changes: Reweighing) -> dict[str, Any]:
    """The job's options with these changes."""
    wanted = job.options | changes.model_dump(exclude_none=True)
    try:
        Options(**known_options(wanted))
    except OptionError as error:
        fault = FieldError(error.field, "invalid_value", f"This {error.sentence}")
        raise InvalidFields([fault]) from error
    return wanted


async def earlier_job(field: str, job_id: str, access: Access, service: Service) -> Job:
    """The job that `start` or `pictures_of` names: whose picture the next one starts from, or whose
    pictures it has.

    Raises:
        InvalidFields: there is no such job of this caller's, or it has no picture to start from.
    """
    try:
        job = await job_of(job_id, access, service)
    except (JobNotFound, JobExpired) as error:
        raise InvalidFields([FieldError(field, error.code, error.detail)]) from error
    if field == "start" and job.result_key is None:
        sentence = f"Job {job_id} has no picture to start from: it is {job.status}."
        raise InvalidFields([FieldError(field, "no_result", sentence)])
    return job
