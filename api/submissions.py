"""`POST /jobs`: a submission becomes a job, once; or is only tried out."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from opentelemetry.trace import SpanKind

from api.access import Access, AccessOf
from api.capacity import check_capacity, check_capacity_again, demand_again, demand_of
from api.estimates import DryRun, estimated
from api.jobs import JobOf, answer, earlier_job, job_exists, job_of
from api.manner import Manner, MannerOf, once, waited_for
from api.priorities import check_priority, may_have
from api.problems import responses_to_callers
from api.queueing import (
    announce,
    enqueued,
    place_of,
    warnings_of,
    work_of,
)
from api.schemas import Estimate, JobView
from api.service import Service, ServiceOf
from api.submission_options import form_schema
from api.uploads import Receiver, Submission
from shared import tracing
from shared.errors import DamagedRecord, JobNotOver, PicturesLost
from shared.job_options import Wishes
from shared.jobs import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])

_REQUEST_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": form_schema()}},
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobView,
    responses=responses_to_callers(400, 409, 410, 413, 415, 422, 507)
    | {200: {"model": JobView | Estimate, "description": "It is over already, or was a dry run"}},
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def submit(
    request: Request,
    access: AccessOf,
    service: ServiceOf,
    manner: MannerOf,
    dry_run: DryRun = False,
) -> Response:
    """Takes a content image, style images and options, and queues the job."""
    receiver = Receiver.of(service)
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        async with receiver.received(
            request, lambda field, job_id: earlier_job(field, job_id, access, service)
        ) as submission:
            await check_priority(submission.wishes.priority, request, service)
            await check_capacity(submission, service)
            if dry_run:
                return await estimated(submission, access, service)
            job_id = await _submitted(request, submission, access, service, manner)
    return await _answer(job_id, access, service, manner)


@router.post(
    "/{job_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    response_model=JobView,
    responses=responses_to_callers(404, 409, 410, 422, 507)
    | {200: {"model": JobView, "description": "It is over already"}},
)
async def retry(
    request: Request, job: JobOf, access: AccessOf, service: ServiceOf, manner: MannerOf
) -> Response:
    """Does a job that is over again, as a new one: the same pictures, the same options."""
    if not job.is_over:
        raise JobNotOver(f"The job is {job.status}: it need not be done again.")
    if job.unknown_inputs:
        raise DamagedRecord("The job has pictures that only a newer version of the service knows.")
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        job_id = await _retried(request, job, access, service, manner)
    return await _answer(job_id, access, service, manner)


async def _retried(
    request: Request, job: Job, access: Access, service: Service, manner: Manner
) -> str:
    """The id of the job that does it again: a new one, or that of the same request before."""
    async with once(manner, f"retry {job.id}", access, service, job_exists) as held:
        if isinstance(held, str):
            return held
        await check_capacity_again(job, service)
        allowed = await may_have(job.priority, request, service)
        wishes = Wishes(priority=job.priority if allowed else "normal")
        place = place_of(access, job.work, demand_again(job), wishes)
        write = service.blobs.copy
        of_once = None if held is None else held.idempotency_key
        try:
            async with service.quotas.counted_work(request, access.caller, place.work):
                job_id = await enqueued(
                    job.options, job.inputs, place, service, write, of_once, job.warnings
                )
        except FileNotFoundError as error:
            sentence = "The store no longer has its pictures: please submit them again."
            raise PicturesLost(sentence) from error
    await announce([job_id], service)
    return job_id


async def _submitted(
    request: Request, submission: Submission, access: Access, service: Service, manner: Manner
) -> str:
    """The id of the job: a new one, or that of the same submission before."""
    async with once(manner, submission.fingerprint, access, service, job_exists) as held:
        if isinstance(held, str):
            return held
        place = place_of(access, work_of(submission), demand_of(submission), submission.wishes)
        options = submission.variants[0].options
        async with service.quotas.counted_work(request, access.caller, place.work):
            job_id = await enqueued(
                options,
                submission.pictures,
                place,
                service,
                service.blobs.put_file,
                None if held is None else held.idempotency_key,
                warnings_of(options, submission.pictures),
            )
    await announce([job_id], service)
    return job_id


async def _answer(job_id: str, access: Access, service: Service, manner: Manner) -> Response:
    """The job as it is, or as it is once it was waited for."""
    job = await job_of(job_id, access, service)
    headers = {"Location": f"/jobs/{job_id}"}
    if manner.wait_seconds is not None:
        job = await waited_for(job, manner.wait_seconds, service)
        headers["Preference-Applied"] = f"wait={manner.wait_seconds}"
    waited = manner.wait_seconds is not None and job.is_over
    return await answer(job, service, HTTPStatus.OK if waited else HTTPStatus.ACCEPTED, headers)
