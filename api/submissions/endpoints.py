"""`POST /jobs` and `/jobs/{id}/retry`: a submission becomes one job, or is only estimated."""

from http import HTTPStatus
from time import monotonic

from fastapi import APIRouter, Response
from opentelemetry.trace import SpanKind

from api.access.authentication import Access, CurrentAccess
from api.events.subscriptions import JobDeleted, ServiceStopping
from api.http.negotiation import preferred_format
from api.http.problems import caller_problems
from api.jobs import schemas
from api.jobs.dependencies import PathJob, find_job, job_exists, respond_with_job
from api.jobs.results import respond_with_result
from api.service import Service
from api.submissions.idempotency import (
    ParsedHeaders,
    SubmissionHeaders,
    find_earlier_submission,
    reserve_key,
)
from api.submissions.pictures import make_writer
from api.submissions.queueing import (
    DryRun,
    announce,
    check_retry_capacity,
    enqueue,
    list_warnings,
    make_queue_entry,
    respond_with_estimate,
)
from api.submissions.schema import request_body
from api.submissions.uploads import ReceivedForm, read_submissions, receive_form
from shared import logs, tracing
from shared.errors import JobNotOver, PicturesLost, RecordDamaged
from shared.jobs import Job, QueueEntry
from shared.pictures import MEDIA_TYPES

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post(
    "",
    summary="Submit a job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=schemas.Job,
    responses=caller_problems(400, 409, 410, 413, 415, 422, 507)
    | {
        200: {
            "model": schemas.Job | schemas.Estimate,
            "description": "The job, if it is over, or its picture, if the client waited and "
            "accepts images rather than JSON. The estimate, if it was a dry run.",
            "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
        }
    },
    openapi_extra={"requestBody": request_body("job")},
)
async def submit_job(
    access: CurrentAccess, headers: ParsedHeaders, dry_run: DryRun = False
) -> Response:
    """Accepts a content image, style images and options, and queues the job."""
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        async with receive_form(access, "job") as received:
            if dry_run:
                submissions = await read_submissions(received, access)
                return await respond_with_estimate(submissions, access)
            job_id = await _submit(received, access, headers)
    return await _respond(job_id, access, headers)


@router.post(
    "/{job_id}/retry",
    summary="Retry a job",
    status_code=HTTPStatus.ACCEPTED,
    response_model=schemas.Job,
    responses=caller_problems(404, 409, 410, 422, 507)
    | {
        200: {
            "model": schemas.Job,
            "description": "The job, if it is over, or its picture, as for `POST /jobs`",
            "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
        }
    },
)
async def retry_job(job: PathJob, access: CurrentAccess, headers: ParsedHeaders) -> Response:
    """Resubmits an ended job as a new job, with the same images and options, and the same `timeout`
    and `keep`."""
    if not job.is_over:
        raise JobNotOver(f"Only a job that is over can be retried; this one is {job.status}.")
    if job.unknown_inputs:
        raise RecordDamaged("The job has pictures that only a newer version of the service knows.")
    with tracing.span("submission", kind=SpanKind.PRODUCER):
        job_id = await _retry(job, access, headers)
    return await _respond(job_id, access, headers)


async def _submit(received: ReceivedForm, access: Access, headers: SubmissionHeaders) -> str:
    """Submits a job. Returns its id, or the id of the job of the same submission before."""
    service, fingerprint = access.service, received.fingerprint
    earlier = await find_earlier_submission(headers, fingerprint, access, job_exists)
    if earlier is not None:
        return earlier
    (submission,) = await read_submissions(received, access)
    async with reserve_key(headers, fingerprint, access, job_exists) as reserved:
        if isinstance(reserved, str):
            return reserved
        entry = make_queue_entry(submission, access)
        options = submission.variants[0].options
        async with service.quotas.count_work(access.request, access.caller, entry.work):
            job_id = await enqueue(
                options.to_dict(),
                submission.pictures,
                entry,
                list_warnings(options, submission),
                service,
                make_writer(submission.stored, service.blobs),
                reserved,
            )
    await announce([job_id], service)
    return job_id


async def _retry(job: Job, access: Access, headers: SubmissionHeaders) -> str:
    """Retries a job. Returns the id of the new job, or of the job of the same request before."""
    service = access.service
    async with reserve_key(headers, f"retry {job.id}", access, job_exists) as reserved:
        if isinstance(reserved, str):
            return reserved
        await check_retry_capacity(job, service)
        entry = QueueEntry(
            caller=access.caller,
            work=job.work,
            pixels=job.pixels,
            image_bytes=job.image_bytes,
            priority=job.priority if access.allows(job.priority) else "normal",
            timeout_seconds=job.timeout_seconds,
            keep=job.keep,
            owner=access.owner,
            request_id=logs.request_id(),
            traceparent=tracing.traceparent(),
        )
        try:
            async with service.quotas.count_work(access.request, access.caller, entry.work):
                job_id = await enqueue(
                    job.options,
                    job.inputs,
                    entry,
                    job.warnings,
                    service,
                    service.blobs.copy,
                    reserved,
                )
        except FileNotFoundError as error:
            sentence = "The store no longer has its pictures: please submit them again."
            raise PicturesLost(sentence) from error
    await announce([job_id], service)
    return job_id


async def _respond(job_id: str, access: Access, headers: SubmissionHeaders) -> Response:
    """The job in its current state, or after the wait that the client prefers. After the wait, the
    picture, if there is one and the client accepts it rather than JSON."""
    service = access.service
    job = await find_job(job_id, access)
    response_headers = {"Location": f"/jobs/{job_id}"}
    status = HTTPStatus.ACCEPTED
    if headers.wait_seconds is not None:
        job = await _wait_until_over(job, headers.wait_seconds, service)
        response_headers["Preference-Applied"] = f"wait={headers.wait_seconds}"
        status = HTTPStatus.OK if job.is_over else HTTPStatus.ACCEPTED
        format = preferred_format(access.request.headers.get("accept", ""))
        if job.status == "succeeded" and format is not None:
            response_headers["Content-Location"] = f"/jobs/{job_id}/result"
            response_headers["X-Job-Id"] = job_id
            return await respond_with_result(job, format, access, response_headers)
    return await respond_with_job(job, service, status, response_headers)


async def _wait_until_over(job: Job, wait_seconds: int, service: Service) -> Job:
    """The job when it is over, when the wait ends, or when the API stops."""
    deadline = monotonic() + wait_seconds
    async with service.subscriptions.subscribe(job) as subscription:
        while not job.is_over and monotonic() < deadline:
            try:
                job = await subscription.wait(deadline - monotonic())
            except (JobDeleted, ServiceStopping):
                return job
    return job
