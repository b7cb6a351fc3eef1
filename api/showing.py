"""What there is to see of a job before it is over: the picture so far, and its losses."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.etags import unchanged
from api.jobs import JobOf
from api.problems import responses_to_callers
from api.queries import IN_ASCII_DIGITS
from api.service import ServiceOf
from shared.progress import Losses

router = APIRouter(prefix="/jobs", tags=["jobs"])


class LossCurves(BaseModel):
    """Columns of the same length: each term of the objective, with its weight in it, after each
    iteration."""

    iterations: list[int]
    scales: list[int] = Field(description="At which scale of the pyramid, from 1.")
    content: list[float]
    style: list[float]
    tv: list[float]
    gamut: list[float]
    total: list[float] = Field(description="The terms together; it jumps with scales and weights.")


@router.get(
    "/{job_id}/preview",
    response_class=Response,
    responses=responses_to_callers(404, 410)
    | {
        200: {"content": {"image/jpeg": {}}},
        204: {"description": "There is none yet"},
        304: {"description": "The client has it already"},
    },
)
async def preview(
    request: Request,
    job: JobOf,
    service: ServiceOf,
    iteration: Annotated[
        int | None,
        Query(description="Makes each preview's address another; the newest is sent."),
        IN_ASCII_DIGITS,
    ] = None,
) -> Response:
    """The newest preview of the picture, a JPEG file."""
    if job.preview_key is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    etag = f'"{job.preview_key.rpartition("/")[2]}-{job.preview_iteration}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if unchanged(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        picture = await service.blobs.get_async(job.preview_key)
    except FileNotFoundError:  # lost: the next one is another
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get("/{job_id}/losses", responses=responses_to_callers(404, 410))
async def losses(job: JobOf, service: ServiceOf) -> LossCurves:
    """The loss curves so far: each term at each iteration; empty before the first, and where the
    store has lost them."""
    if job.losses_key is None:
        return _view(Losses())
    try:
        return _view(Losses.from_json(await service.blobs.get_async(job.losses_key)))
    except FileNotFoundError:
        return _view(Losses())


def _view(losses: Losses) -> LossCurves:
    return LossCurves.model_validate(losses, from_attributes=True)
