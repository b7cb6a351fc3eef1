"""What the endpoints of jobs share: the job that a request names, and the response with it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Response

from api.access.authentication import Access, CurrentAccess
from api.jobs.schemas import describe_job
from api.service import Service
from pastiche.painting_speed import PaintingSpeed
from shared.errors import FieldError, InvalidFields, JobExpired, JobNotFound
from shared.jobs import Job, is_job_id
from shared.workers import list_workers

POLL_SECONDS = 1


async def find_job(job_id: str, access: Access) -> Job:
    """The job with this id.

    Raises:
        JobNotFound: the job does not exist, or it belongs to another owner.
        JobExpired: it is past its retention.
    """
    job = await access.service.job_cache.get(job_id) if is_job_id(job_id) else None
    if job is None or job.owner != access.owner:
        raise JobNotFound(f"There is no job {job_id!r}.")
    if job.is_past_retention:
        raise JobExpired(f"Job {job_id} was available until {job.expires_at:%Y-%m-%d %H:%M} UTC.")
    return job


async def job_exists(job_id: str, service: Service) -> bool:
    """Whether a job is neither deleted nor past its retention."""
    job = await service.job_cache.get(job_id)
    return job is not None and not job.is_past_retention


async def find_earlier_job(field: str, job_id: str, access: Access) -> Job:
    """The earlier job that a field of a submission names: `start` to start from its result, or
    `pictures_of` to use its images.

    Raises:
        InvalidFields: the caller has no job with this id, or it has no result to start from.
    """
    try:
        job = await find_job(job_id, access)
    except (JobNotFound, JobExpired) as error:
        raise InvalidFields([FieldError(field, error.code, error.detail)]) from error
    if field == "start" and job.result_key is None:
        sentence = f"Job {job_id} has no picture to start from: it is {job.status}."
        raise InvalidFields([FieldError(field, "no_result", sentence)])
    return job


async def _find_path_job(job_id: str, access: CurrentAccess) -> Job:
    return await find_job(job_id, access)


PathJob = Annotated[Job, Depends(_find_path_job)]
"""The job in an endpoint's path."""


async def respond_with_job(
    job: Job,
    service: Service,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """The job's JSON, its ETag, and when to poll again while it is not over."""
    speeds = await get_speeds(job, service)
    body = service.job_cache.get_body(
        job, lambda: describe_job(job, speeds).model_dump_json().encode()
    )
    all_headers = make_headers(job) | (headers or {})
    return Response(body, status, headers=all_headers, media_type="application/json")


def make_headers(job: Job) -> dict[str, str]:
    """The headers of a response with a job, or of one that reports it as unchanged."""
    headers = {"ETag": make_etag(job), "Cache-Control": "private, no-cache"}
    return headers if job.is_over else headers | {"Retry-After": str(POLL_SECONDS)}


def make_etag(job: Job) -> str:
    """The job's version, and its queue position: it moves up without a new version."""
    place = "" if job.queue_position is None else f"-{job.queue_position}"
    return f'"{job.version}{place}"'


async def get_speeds(job: Job, service: Service) -> list[PaintingSpeed]:
    """The speeds of the live workers if the job waits: its ETA then depends on them."""
    return await get_worker_speeds(service) if job.status == "queued" else []


async def get_worker_speeds(service: Service) -> list[PaintingSpeed]:
    """The speed of each live worker, except for workers that have not painted yet."""
    return [worker.speed for worker in await service.jobs.run(list_workers()) if worker.rate]
