"""`/jobs`: list, get, change the weights, cancel, finish, delete."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.access.authentication import Access, CurrentAccess, authenticate
from api.http.negotiation import ASCII_INTEGER, is_unchanged
from api.http.problems import caller_problems, invalid_option_error, unknown_field_error
from api.jobs import schemas
from api.jobs.dependencies import (
    PathJob,
    find_job,
    get_worker_speeds,
    make_etag,
    make_headers,
    respond_with_job,
)
from api.service import CurrentService
from pastiche.option_warnings import update_warnings
from pastiche.options import LIVE_OPTIONS, OPTIONS, OptionError, Options
from pastiche.painting_speed import PaintingSpeed
from pastiche.picture_settings import describe_settings
from shared import job_records, transitions
from shared.blob_store import promoted_key
from shared.errors import (
    CancelRequested,
    ChangedMeanwhile,
    FieldError,
    FinishRequested,
    InvalidFields,
    JobOver,
    NoResult,
    RecordDamaged,
)
from shared.jobs import Job, Status
from shared.pictures import DamagedPicture, preview_to_png

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"])

_CURSOR_PATTERN = r"^[0-9]{16}:[0-9a-f]{32}$"

_MAX_PAGE_JOBS = 100

_MAX_SCANNED_JOBS = 1000
"""How many entries of a list are read for one page, at most. If many of these have no readable
record, a page has fewer jobs than its limit, but still a cursor."""

_MAX_UPDATE_TRIES = 5
"""How often a change of weights is tried while other requests change them."""


@router.get("", summary="List jobs", responses=caller_problems(422))
async def list_jobs(
    access: CurrentAccess,
    status: Annotated[Status | None, Query(description="Only jobs in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE_JOBS), ASCII_INTEGER] = 20,
    cursor: Annotated[
        str | None, Query(pattern=_CURSOR_PATTERN, description="`next_cursor` of the page before.")
    ] = None,
) -> schemas.JobList:
    """The caller's jobs, the newest first."""
    service = access.service
    listed = await service.jobs.run(
        job_records.list_jobs(
            access.owner, before=cursor or "", limit=limit, status=status, most=_MAX_SCANNED_JOBS
        )
    )
    for sentence in listed.damaged:
        log.error("%s", sentence)
    is_waiting = any(job.status == "queued" for job in listed.jobs)
    speeds = await get_worker_speeds(service) if is_waiting else []
    jobs = list(_describe_readable_jobs(listed.jobs, speeds))
    return schemas.JobList(jobs=jobs, next_cursor=listed.rest)


def _describe_readable_jobs(
    jobs: Sequence[Job], speeds: Sequence[PaintingSpeed]
) -> Iterator[schemas.Job]:
    for job in jobs:
        try:
            yield schemas.describe_job(job, speeds)
        except RecordDamaged as error:
            log.error("%s", error)


@router.get(
    "/{job_id}",
    summary="Get a job",
    response_model=schemas.Job,
    responses=caller_problems(404, 410) | {304: {"description": "Unchanged"}},
)
async def get_job(job_id: str, request: Request) -> Response:
    """The job in its current state; 304 if `If-None-Match` names its ETag."""
    # This endpoint is called more often than all others together. It has no dependencies, because
    # FastAPI resolves them again for each request.
    access = await authenticate(request)
    job = await find_job(job_id, access)
    if is_unchanged(request, make_etag(job)):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=make_headers(job))
    return await respond_with_job(job, access.service)


@router.patch(
    "/{job_id}",
    summary="Update weights",
    response_model=schemas.Job,
    responses=caller_problems(400, 404, 409, 410, 413, 415, 422),
)
async def update_weights(
    update: schemas.WeightUpdate, job: PathJob, access: CurrentAccess
) -> Response:
    """Changes the weights of a job that is not over; a running one continues with them."""
    weights = _validate_weights(update)
    for _ in range(_MAX_UPDATE_TRIES):
        options = _update_options(job, weights)
        warnings = update_warnings(job.warnings, options)
        stored = job.options | weights  # with options that only a newer version knows
        transition = transitions.update_weights(job.id, job.weight_updates, stored, warnings)
        outcome = await access.service.jobs.run(transition)
        job = await find_job(job.id, access)
        if outcome == "over":
            raise JobOver(f"The job is {job.status}: its weights no longer matter.")
        if outcome == "ok":
            return await respond_with_job(job, access.service)
    raise ChangedMeanwhile("Other requests change the weights of this job. Please try again.")


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    response_model=schemas.Job,
    responses=caller_problems(404, 409, 410),
)
async def cancel_job(job: PathJob, access: CurrentAccess) -> Response:
    """Cancels a waiting job at once, and a running job when its worker has stopped (202). A job
    that is over stays as it is. After a request to finish it is about to succeed and can only
    be deleted (409)."""
    service = access.service
    outcome = await service.jobs.run(transitions.cancel(job.id, retention=service.retention))
    if outcome == "finishing":
        raise FinishRequested(
            "The job is about to succeed after a request to finish. Use DELETE to delete it with "
            "its picture."
        )
    status = HTTPStatus.ACCEPTED if outcome == "requested" else HTTPStatus.OK
    return await respond_with_job(await find_job(job.id, access), service, status)


@router.post(
    "/{job_id}/finish",
    summary="Finish a job",
    response_model=schemas.Job,
    responses=caller_problems(404, 409, 410, 507)
    | {202: {"model": schemas.Job, "description": "The worker stops; the job is over soon"}},
)
async def finish_job(job: PathJob, access: CurrentAccess) -> Response:
    """Stops painting, and makes the current picture the job's result. A running job succeeds after
    its current iteration (202). The result of a job that was canceled or failed is its last
    preview, at most 1024 pixels large. A job that has succeeded stays as it is. If the job is about
    to be canceled, the response is 409."""
    service = access.service
    if job.result_key is None:
        outcome = await service.jobs.run(transitions.request_finish(job.id))
        if outcome == "canceling":
            raise CancelRequested(
                "The job is about to be canceled; once it is, its last preview can be stored."
            )
        if outcome == "requested":
            job = await find_job(job.id, access)
            return await respond_with_job(job, service, HTTPStatus.ACCEPTED)
        job = await _promote_preview(await find_job(job.id, access), access)
    return await respond_with_job(job, service)


async def _promote_preview(job: Job, access: Access) -> Job:
    """The job, with its last preview as its result.

    Raises:
        NoResult: the job is not over, or has no preview.
    """
    if job.result_key is not None:
        return job
    if job.preview_key is None or not job.is_over:
        raise NoResult(f"The job is {job.status}: there is no picture of it to keep.")
    service = access.service
    options = job.read_options()
    backbone = job.backbone.name if job.backbone else options.backbone
    settings = describe_settings(options, backbone, job.id)
    try:
        preview = await service.blobs.get_async(job.preview_key)
        async with service.decoder.turn() as run:
            picture = await run(preview_to_png, preview, settings)
    except (FileNotFoundError, DamagedPicture) as error:
        raise NoResult("The last preview of the job is gone.") from error
    key = promoted_key(job.id, job.fence or token_hex(4))
    await service.blobs.put_async(key, picture)
    if await service.jobs.run(transitions.promote_preview(job.id, key)) == "lost":
        # Another request has stored it, perhaps under the same key; or the job is gone.
        stored = await service.jobs.run(transitions.read(job.id))
        if stored is None or stored.result_key != key:
            await service.blobs.delete_async(key)
    return await find_job(job.id, access)


@router.delete(
    "/{job_id}",
    summary="Delete a job",
    status_code=HTTPStatus.NO_CONTENT,
    responses=caller_problems(404, 410),
)
async def delete_job(job: PathJob, service: CurrentService) -> None:
    """Cancels the job and deletes its record and its pictures."""
    await service.jobs.run(transitions.delete(job.id, retention=service.retention))
    service.job_cache.forget(job.id)
    await service.blobs.delete_job(job.id)


def _validate_weights(update: schemas.WeightUpdate) -> dict[str, Any]:
    """The weights in the body of a request; null leaves one unchanged.

    Raises:
        InvalidFields: names every invalid weight.
    """
    weights, errors = {}, []
    for name, value in update.root.items():
        if name not in LIVE_OPTIONS:
            errors.append(unknown_field_error(name, LIVE_OPTIONS))
        elif value is not None:
            try:
                weights[name] = OPTIONS[name].validate(value)
            except OptionError:
                sent = json.dumps(value, ensure_ascii=False)
                sentence = f"This must be {OPTIONS[name].type.requirement}, not “{sent}”."
                errors.append(FieldError(name, "invalid_value", sentence))
    if errors:
        raise InvalidFields(errors)
    return weights


def _update_options(job: Job, weights: Mapping[str, Any]) -> Options:
    """The job's options with new weights.

    Raises:
        InvalidFields: they are invalid together.
    """
    try:
        return replace(job.read_options(), **weights)
    except OptionError as error:
        raise InvalidFields([invalid_option_error(error)]) from error
