"""The job that a request names, if its caller may see it."""

from typing import Annotated

from fastapi import Depends, Request

from api.access.authentication import Access, CurrentAccess
from api.service import Service, get_service
from shared.errors import FieldError, InvalidFields, JobExpired, JobNotFound
from shared.jobs import Job, is_job_id


async def find_job(job_id: str, access: Access, service: Service) -> Job:
    """The job with this id.

    Raises:
        JobNotFound: there is no such job, or it belongs to another owner.
        JobExpired: it is past its retention.
    """
    job = await service.job_cache.get(job_id) if is_job_id(job_id) else None
    if job is None or job.owner != access.owner:
        raise JobNotFound(f"There is no job {job_id!r}.")
    if job.is_past_retention:
        raise JobExpired(f"Job {job_id} was available until {job.expires_at:%Y-%m-%d %H:%M} UTC.")
    return job


async def job_exists(job_id: str, service: Service) -> bool:
    """Whether a job is neither deleted nor past its retention."""
    job = await service.job_cache.get(job_id)
    return job is not None and not job.is_past_retention


async def find_earlier_job(field: str, job_id: str, access: Access, service: Service) -> Job:
    """The earlier job that a field of a submission names: `start` to start from its result, or
    `pictures_of` to use its images.

    Raises:
        InvalidFields: the caller has no such job, or it has no result to start from.
    """
    try:
        job = await find_job(job_id, access, service)
    except (JobNotFound, JobExpired) as error:
        raise InvalidFields([FieldError(field, error.code, error.detail)]) from error
    if field == "start" and job.result_key is None:
        sentence = f"Job {job_id} has no picture to start from: it is {job.status}."
        raise InvalidFields([FieldError(field, "no_result", sentence)])
    return job


async def _find_path_job(job_id: str, request: Request, access: CurrentAccess) -> Job:
    return await find_job(job_id, access, get_service(request.app))


PathJob = Annotated[Job, Depends(_find_path_job)]
"""The job in an endpoint's path."""
