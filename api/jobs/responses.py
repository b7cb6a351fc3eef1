"""A job as a response: JSON, ETag and Retry-After."""

from http import HTTPStatus

from fastapi import Response

from api.jobs.schemas import describe_job
from api.service import Service
from shared.jobs import Job
from shared.workers import list_workers

POLL_SECONDS = 1


async def respond_with_job(
    job: Job,
    service: Service,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """The job's JSON, its ETag, and when to poll again while it is not over."""
    rates = await get_rates(job, service)
    body = service.job_cache.get_body(job, lambda job: _encode(job, rates))
    all_headers = make_headers(job) | (headers or {})
    return Response(body, status, headers=all_headers, media_type="application/json")


def _encode(job: Job, rates: list[float]) -> bytes:
    return describe_job(job, rates).model_dump_json().encode()


def make_headers(job: Job) -> dict[str, str]:
    """The headers of a response with a job, or of one that says that it is unchanged."""
    headers = {"ETag": make_etag(job), "Cache-Control": "private, no-cache"}
    return headers if job.is_over else headers | {"Retry-After": str(POLL_SECONDS)}


def make_etag(job: Job) -> str:
    """The job's version, and its queue position: it moves up without a new version."""
    place = "" if job.queue_position is None else f"-{job.queue_position}"
    return f'"{job.version}{place}"'


async def get_rates(job: Job, service: Service) -> list[float]:
    """The rates of the living workers if the job waits, which its ETA then depends on."""
    return await get_worker_rates(service) if job.status == "queued" else []


async def get_worker_rates(service: Service) -> list[float]:
    """How many pixel iterations each living worker paints per second, except for workers that have
    not painted yet."""
    return [worker.rate for worker in await service.jobs.run(list_workers()) if worker.rate]
