"""The picture of a job, in the format that the client likes best, whole or a range of it.

It is streamed from the blob store: no more of it is in memory than what is being sent.
"""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.access import AccessOf
from api.etags import unchanged
from api.jobs import POLL_SECONDS, JobOf, job_of
from api.problems import responses_to_callers
from api.queries import PictureFormat, without_aliases
from api.routing import is_head
from api.service import Service, ServiceOf
from shared.blob_store import BlobStore
from shared.errors import (
    NoResult,
    NotAcceptable,
    RangeNotSatisfiable,
    ResultLost,
    ResultNotReady,
)
from shared.jobs import Job
from shared.pictures import MEDIA_TYPES, DamagedPicture, Format

router = APIRouter(prefix="/jobs", tags=["jobs"])

_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?|\.[0-9]+")
_BYTE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@router.get(
    "/{job_id}/result",
    response_class=Response,
    responses=responses_to_callers(404, 406, 409, 410, 416, 422, 507)
    | {
        200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}},
        206: {"description": "The range that was asked for"},
        304: {"description": "The client has it already"},
    },
)
async def result(
    request: Request,
    job: JobOf,
    access: AccessOf,
    service: ServiceOf,
    format: Annotated[PictureFormat | None, Query(description="Overrides `Accept`.")] = None,
) -> Response:
    """The finished picture as PNG, JPEG or WebP."""
    key = _result_key(job)
    wanted = format or accepted(request.headers.get("accept", "*/*"))
    if wanted is None:
        raise NotAcceptable(f"The picture can be had as {', '.join(MEDIA_TYPES.values())}.")
    headers = {
        "ETag": f'"{job.id}-{job.fence}-{wanted}"',
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="pastiche-{job.id}.{wanted}"',
    }
    if unchanged(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        return await _encoded(request, key, wanted, service, headers)
    except (FileNotFoundError, DamagedPicture) as error:
        await job_of(job.id, access, service)  # it may have been erased meanwhile
        raise ResultLost("The picture store no longer has it. Please paint it again.") from error


async def _encoded(
    request: Request, result_key: str, wanted: Format, service: Service, headers: dict[str, str]
) -> Response:
    """The result in a format. A copy may be erased between when it is found and when it is opened:
    then it is made once more.

    Raises:
        FileNotFoundError: the result itself is lost.
        DamagedPicture: it cannot be decoded.
    """
    try:
        key = await service.encoded_results.key_of(result_key, wanted)
        return await _whole_or_range(request, key, service.blobs, MEDIA_TYPES[wanted], headers)
    except FileNotFoundError:
        key = await service.encoded_results.key_of(result_key, wanted)
        return await _whole_or_range(request, key, service.blobs, MEDIA_TYPES[wanted], headers)


def _result_key(job: Job) -> str:
    if job.result_key is not None:
        return job.result_key
    if job.is_over:
        raise NoResult(f"The job ended as {job.status}, without a picture.")
    sentence = f"The job is {job.status}; its picture comes when it has succeeded."
    raise ResultNotReady(sentence, retry_after_seconds=POLL_SECONDS)


def accepted(header: str) -> Format | None:
    """The format that an `Accept` header likes best, PNG where it is all the same; None if none.

    RFC 9110, section 12.5.1.
    """
    best: tuple[float, Format | None] = (0.0, None)
    for name, media_type in MEDIA_TYPES.items():
        quality = _quality(media_type, header)
        if quality > best[0]:
            best = (quality, name)
    return best[1]


def _quality(media_type: str, header: str) -> float:
    """The quality of the most specific range in the header that names this media type."""
    found: dict[str, float] = {}
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        found[without_aliases(name)] = _quality_parameter(parameters)
    kind = media_type.partition("/")[0]
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0


def _quality_parameter(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if _QUALITY.fullmatch(value) else 0.0
    return 1.0


async def _whole_or_range(
    request: Request, key: str, blobs: BlobStore, media_type: str, headers: dict[str, str]
) -> Response:
    """One range of bytes where GET asks for one (RFC 9110, section 14), else the whole.

    Raises:
        RangeNotSatisfiable: it begins after the end.
        FileNotFoundError: the picture is lost.
    """
    size = await blobs.size_bytes(key)
    headers["Content-Length"] = str(size)
    if is_head(request.scope):
        return Response(status_code=HTTPStatus.OK, headers=headers, media_type=media_type)
    changed = request.headers.get("if-range", headers["ETag"]) != headers["ETag"]
    bounds = None if changed else _bounds(request.headers.get("range", ""), size)
    if bounds is None:
        return StreamingResponse(await blobs.stream(key), HTTPStatus.OK, headers, media_type)
    first, last = bounds
    if first >= size or last < first:
        raise RangeNotSatisfiable(size)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last + 1 - first)
    part = await blobs.stream(key, slice(first, last + 1))
    return StreamingResponse(part, HTTPStatus.PARTIAL_CONTENT, headers, media_type)


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range, inclusive; `-n` means the last n bytes. None where it
    is no range that can be read, or several."""
    found = _BYTE_RANGE.fullmatch(asked)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
