"""`POST /jobs/{id}/finish`: stop here, and keep the picture as it is."""

from http import HTTPStatus
from secrets import token_hex

from fastapi import APIRouter, Response

from api.access import Access, AccessOf
from api.jobs import JobOf, answer, job_of
from api.problems import responses_to_callers
from api.schemas import JobView
from api.service import Service, ServiceOf
from shared import transitions
from shared.blob_store import result_key
from shared.errors import CancelRequested, NoResult
from shared.jobs import Job
from shared.pictures import DamagedPicture

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post(
    "/{job_id}/finish",
    response_model=JobView,
    responses=responses_to_callers(404, 409, 410, 507)
    | {202: {"model": JobView, "description": "The worker is asked to; the job is over soon"}},
)
async def finish(job: JobOf, access: AccessOf, service: ServiceOf) -> Response:
    """Stops here and keeps the picture as the job's result. A running job succeeds after the
    iteration that it is in (202); of a job that was canceled or has failed the last preview is
    kept, at most 1024 pixels large; one that has succeeded stays as it is. While a job is about to
    be canceled, 409."""
    if job.result_key is None:
        outcome = await service.jobs.run(transitions.request_finish(job.id))
        if outcome == "canceling":
            raise CancelRequested(
                "The job is about to be canceled; once it is, its last preview can be kept."
            )
        if outcome == "requested":
            job = await job_of(job.id, access, service)
            return await answer(job, service, HTTPStatus.ACCEPTED)
        job = await _with_preview_as_result(await job_of(job.id, access, service), access, service)
    return await answer(job, service)


async def _with_preview_as_result(job: Job, access: Access, service: Service) -> Job:
    """The job, with the last preview of its picture as its result.

    Raises:
        NoResult: nothing of it was painted, or it waits.
    """
    if job.result_key is not None:
        return job
    if job.preview_key is None or not job.is_over:
        raise NoResult(f"The job is {job.status}: there is no picture of it to keep.")
    try:
        preview = await service.blobs.get_async(job.preview_key)
        picture = await service.decoder.preview_to_png(preview)
    except (FileNotFoundError, DamagedPicture) as error:
        raise NoResult("The last preview of the job is gone.") from error
    # Its worker may still write under its fence's own key, and erase that again.
    key = result_key(job.id, f"{job.fence or token_hex(4)}-kept")
    await service.blobs.put_async(key, picture)
    await service.jobs.run(transitions.store_preview(job.id, key))
    return await job_of(job.id, access, service)
