"""The pictures of a job, its result and its previews, and its losses.

A result is streamed from the blob store: only what is being sent is in memory. If the operator has
enabled redirects, the object store sends it itself.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from time import perf_counter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from redis import RedisError

from api.access.authentication import Access, CurrentAccess
from api.http.blobs import BlobResponse
from api.http.middleware import is_head
from api.http.negotiation import (
    ASCII_INTEGER,
    PICTURE_RESPONSES,
    PictureFormat,
    is_unchanged,
    parse_range,
    require_format,
)
from api.http.problems import caller_problems
from api.jobs.dependencies import POLL_SECONDS, PathJob, find_job
from api.service import CurrentService, Service
from shared import transitions
from shared.blob_store import is_encoded, result_headers
from shared.errors import NoResult, RangeNotSatisfiable, ResultLost, ResultNotReady
from shared.jobs import Job
from shared.pictures import DamagedPicture, Format
from shared.progress import Losses
from shared.settings import Settings

log = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"])


_SERVER_TIMING = {
    "description": "How long the job `waited` and was `painted`, and how long it took to `encode` "
    "the picture now, or to find it encoded, in milliseconds.",
    "schema": {"type": "string"},
}

_REDIRECT = {
    "description": "If the operator has enabled it: the same picture at a signed URL of the object "
    "store, which needs no API key",
    "headers": {
        "Location": {
            "description": "Valid for `PASTICHE_RESULT_REDIRECT_SECONDS`.",
            "schema": {"type": "string"},
        }
    },
}


class UsedWeights(BaseModel):
    """Weights that a job was painted with, from an iteration on."""

    iteration: int = Field(description="The first iteration that used them.")
    content_weight: float
    style_weight: float
    tv_weight: float


class LossCurves(BaseModel):
    """Columns of the same length: each term of the objective, multiplied by its weight, after each
    iteration. Also the weights that were used."""

    iterations: list[int]
    scales: list[int] = Field(description="The scale of the pyramid, from 1.")
    content: list[float]
    style: list[float]
    tv: list[float]
    gamut: list[float]
    total: list[float] = Field(
        description="The sum of the terms; it jumps with scales and weights."
    )
    weights: list[UsedWeights] = Field(
        description="In the order of the iterations: one entry, and one more for each change."
    )


@router.get(
    "/{job_id}/preview",
    summary="Get the newest preview",
    response_class=Response,
    responses=caller_problems(404, 410)
    | {
        200: {"content": {"image/jpeg": {}}},
        204: {"description": "There is none yet"},
        304: {"description": "The client has it already"},
    },
)
async def get_preview(
    request: Request,
    job: PathJob,
    service: CurrentService,
    iteration: Annotated[
        int | None,
        Query(description="Gives each preview its own URL; the newest is sent."),
        ASCII_INTEGER,
    ] = None,
) -> Response:
    """The newest preview of the picture, a JPEG file."""
    if job.preview_key is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    etag = f'"{job.preview_key.rpartition("/")[2]}-{job.preview_iteration}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_unchanged(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        picture = await service.blobs.get_async(job.preview_key)
    except FileNotFoundError:  # it is lost: the next preview has another key
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get("/{job_id}/losses", summary="Get the loss curves", responses=caller_problems(404, 410))
async def get_losses(job: PathJob, service: CurrentService) -> LossCurves:
    """The loss curves so far: each term at each iteration. They are empty before the first
    iteration, and if the store has lost or damaged them."""
    losses = Losses()
    if job.losses_key is not None:
        with suppress(FileNotFoundError, ValueError):
            losses = Losses.from_json(await service.blobs.get_async(job.losses_key))
    return LossCurves.model_validate(losses, from_attributes=True)


@router.get(
    "/{job_id}/result",
    summary="Get the painted picture",
    response_class=Response,
    responses=caller_problems(404, 406, 409, 410, 416, 422, 507)
    | {206: PICTURE_RESPONSES[200] | {"description": "The requested range"}}
    | PICTURE_RESPONSES
    | {200: PICTURE_RESPONSES[200] | {"headers": {"Server-Timing": _SERVER_TIMING}}}
    | {307: _REDIRECT},
)
async def get_result(
    request: Request,
    job: PathJob,
    access: CurrentAccess,
    format: Annotated[PictureFormat | None, Query(description="Overrides `Accept`.")] = None,
) -> Response:
    """The finished picture as PNG, JPEG or WebP."""
    _get_result_key(job)
    chosen = require_format(format, request, "picture")
    headers = {"ETag": f'"{job.id}-{job.fence}-{chosen}"', "Accept-Ranges": "bytes"}
    if is_unchanged(request, headers["ETag"]):
        headers |= _make_headers(job)
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return await respond_with_result(job, chosen, access, headers)


async def respond_with_result(
    job: Job, format: Format, access: Access, headers: Mapping[str, str]
) -> Response:
    """The result of a job in a format, or the range of its bytes that a GET with an ETag asks for.

    Raises:
        NoResult, ResultNotReady: there is none.
        ResultLost: the store no longer has it.
    """
    try:
        try:
            return await _send_result(job, format, access, headers)
        except FileNotFoundError:  # the copy in this format was deleted after it was found
            return await _send_result(job, format, access, headers)
    except (FileNotFoundError, DamagedPicture) as error:
        await find_job(job.id, access)  # it may have been deleted meanwhile
        raise ResultLost("The picture store no longer has it. Please paint it again.") from error


def _make_headers(job: Job, encode_seconds: float | None = None) -> dict[str, str]:
    timings = {
        "waited": job.waited_seconds,
        "painted": job.painted_seconds,
        "encode": encode_seconds,
    }
    return {
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
        "Server-Timing": ", ".join(
            f"{name};dur={1000 * seconds:.0f}"
            for name, seconds in timings.items()
            if seconds is not None
        ),
    }


def _get_result_key(job: Job) -> str:
    if job.result_key is not None:
        return job.result_key
    if job.is_over:
        raise NoResult(f"The job ended as {job.status}, without a picture.")
    sentence = f"The job is {job.status}; its picture comes when it has succeeded."
    raise ResultNotReady(sentence, retry_after_seconds=POLL_SECONDS)


async def _send_result(
    job: Job, format: Format, access: Access, more_headers: Mapping[str, str]
) -> Response:
    """The result in a format, or the range of its bytes that is asked for.

    Raises:
        NoResult, ResultNotReady: there is none.
        FileNotFoundError: the result, or its copy in this format, is lost.
        DamagedPicture: it cannot be decoded.
        RangeNotSatisfiable: the range begins after the end.
    """
    request, blobs = access.request, access.service.blobs
    began = perf_counter()
    key = await access.service.encoded_results.get_key(_get_result_key(job), format)
    encode_seconds = None if format == "png" else perf_counter() - began
    size = await blobs.size_bytes(key)
    headers = {
        **_make_headers(job, encode_seconds),
        **result_headers(key),
        **more_headers,
        "Content-Length": str(size),
    }
    if is_head(request.scope):
        return Response(status_code=HTTPStatus.OK, headers=headers)
    if request.method == "GET" and _may_redirect(key, job, access.service.settings):
        return await _redirect(key, job, encode_seconds, access.service)
    etag = headers.get("ETag")
    has_changed = etag is None or request.headers.get("if-range", etag) != etag
    bounds = None if has_changed else parse_range(request.headers.get("range", ""), size)
    if bounds is None:
        pieces = await blobs.stream(key)
        if job.keep == "until_fetched":
            pieces = _end_retention_after(pieces, job, access)
        return BlobResponse(pieces, HTTPStatus.OK, headers)
    first, last = bounds
    if first >= size or last < first:
        raise RangeNotSatisfiable(size)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last + 1 - first)
    part = await blobs.stream(key, slice(first, last + 1))
    return BlobResponse(part, HTTPStatus.PARTIAL_CONTENT, headers)


def _may_redirect(key: str, job: Job, settings: Settings) -> bool:
    """Whether the store may send the result. It does not report when the client has received the
    whole picture, and copies in other formats may be deleted before a URL expires."""
    is_lasting = not is_encoded(key) and job.keep != "until_fetched"
    return settings.result_redirect_seconds is not None and is_lasting


async def _redirect(
    key: str, job: Job, encode_seconds: float | None, service: Service
) -> RedirectResponse:
    """Redirects to a signed URL. No cache may store this: the result may be deleted earlier."""
    seconds = service.settings.result_redirect_seconds
    assert seconds is not None
    headers = _make_headers(job, encode_seconds) | {"Cache-Control": "private, no-store"}
    return RedirectResponse(await service.blobs.sign_read(key, seconds), headers=headers)


async def _end_retention_after(
    pieces: AsyncIterator[bytes], job: Job, access: Access
) -> AsyncIterator[bytes]:
    """Yields the pieces of a result, and ends the job's retention soon after they are sent. If the
    client disconnects earlier, this generator is canceled."""
    async for piece in pieces:
        yield piece
    yield b""  # the server takes it once it has sent nearly all of what it has buffered
    if await access.request.is_disconnected():
        return
    try:
        await access.service.jobs.run(transitions.end_retention(job.id))
    except RedisError as error:
        log.warning("Job %s: is retained to the operator's limit: %s", job.id, error)
