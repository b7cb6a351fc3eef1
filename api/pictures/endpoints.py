"""`/pictures`: upload, list, get and delete pictures that jobs name as `picture:<id>`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from api.access.authentication import Access, CurrentAccess
from api.http.blobs import BlobResponse
from api.http.middleware import is_head
from api.http.multipart import parse_multipart
from api.http.negotiation import (
    ASCII_INTEGER,
    PICTURE_RESPONSES,
    PictureFormat,
    is_unchanged,
    require_format,
    require_media_type,
)
from api.http.problems import caller_problems
from api.pictures import schemas
from api.pictures.form import form_schema, parse_form
from api.pictures.store import PathPicture, delete_picture, normalise_and_store
from api.service import CurrentService, Service
from shared import uploaded_pictures
from shared.errors import PictureNotFound
from shared.pictures import MEDIA_TYPES, DamagedPicture, Format, encode, encode_thumbnail
from shared.uploaded_pictures import PictureUpload, UploadedPicture

router = APIRouter(prefix="/pictures", tags=["pictures"])

_CURSOR_PATTERN = r"^[0-9]{16}:[0-9a-f]{32}$"

_MAX_PAGE_PICTURES = 100
_MAX_READ_PICTURES = 1000
"""How many records are read for one page, some of which may have expired."""


@router.post(
    "",
    summary="Upload a picture",
    status_code=HTTPStatus.CREATED,
    response_model=schemas.Picture,
    responses=caller_problems(400, 413, 415, 422, 507)
    | {200: {"model": schemas.Picture, "description": "It was uploaded before, and is renewed"}},
    openapi_extra={"requestBody": form_schema()},
)
async def upload_picture(access: CurrentAccess) -> Response:
    """Stores a picture, which any number of jobs can then name as `picture:<id>` in place of a
    file. Uploading the same picture again gives the same resource."""
    return respond_with_picture(await _receive(access))


@router.get("", summary="List uploaded pictures", responses=caller_problems(422))
async def list_pictures(
    access: CurrentAccess,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE_PICTURES), ASCII_INTEGER] = 20,
    cursor: Annotated[
        str | None, Query(pattern=_CURSOR_PATTERN, description="`next_cursor` of the page before.")
    ] = None,
) -> schemas.PictureList:
    """The caller's uploaded pictures, the newest first."""
    listing = uploaded_pictures.list_pictures(
        access.owner, before=cursor or "", limit=limit, most=_MAX_READ_PICTURES
    )
    page = await access.service.jobs.run(listing)
    pictures = [schemas.describe_picture(each) for each in page.pictures]
    return schemas.PictureList(pictures=pictures, next_cursor=page.rest)


@router.get("/{picture_id}", summary="Get an uploaded picture", responses=caller_problems(404))
async def get_picture(picture: PathPicture) -> schemas.Picture:
    """The uploaded picture: its size, its name, and until when it is retained."""
    return schemas.describe_picture(picture)


@router.get(
    "/{picture_id}/file",
    summary="Get the file of an uploaded picture",
    response_class=Response,
    responses=caller_problems(404, 406, 422, 507) | PICTURE_RESPONSES,
)
async def get_picture_file(
    request: Request,
    picture: PathPicture,
    service: CurrentService,
    format: Annotated[PictureFormat | None, Query(description="Overrides `Accept`.")] = None,
) -> Response:
    """The uploaded picture as jobs use it, as lossless WebP, PNG or JPEG."""
    chosen = require_format(format, request, "picture", first="webp")
    headers = {
        "ETag": f'"{picture.id}-{chosen}"',
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{picture.id}.{chosen}"',
    }
    if is_unchanged(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        if is_head(request.scope):
            return await _describe_file(picture, chosen, headers, service)
        if chosen == "webp":  # as it is stored
            headers["Content-Length"] = str(picture.size_bytes)
            chunks = await service.blobs.stream(picture.blob)
            return BlobResponse(chunks, headers=headers, media_type=MEDIA_TYPES[chosen])
        async with service.decoder.turn() as run:
            encoded = await run(encode, await service.blobs.get_async(picture.blob), chosen)
    except (FileNotFoundError, DamagedPicture) as error:
        raise _make_lost_error(picture) from error
    return Response(encoded, headers=headers, media_type=MEDIA_TYPES[chosen])


async def _describe_file(
    picture: UploadedPicture, format: Format, headers: Mapping[str, str], service: Service
) -> Response:
    """The headers of a file, without reading it. Its length is known only in the stored format.

    Raises:
        FileNotFoundError: the store no longer has it.
    """
    size_bytes = await service.blobs.size_bytes(picture.blob)
    response = Response(headers=headers, media_type=MEDIA_TYPES[format])
    del response.headers["Content-Length"]
    if format == "webp":
        response.headers["Content-Length"] = str(size_bytes)
    return response


@router.get(
    "/{picture_id}/thumbnail",
    summary="Get the thumbnail of an uploaded picture",
    response_class=Response,
    responses=caller_problems(404, 507)
    | {
        200: {"content": {"image/webp": {}}},
        304: {"description": "The client has it already"},
    },
)
async def get_picture_thumbnail(
    request: Request, picture: PathPicture, service: CurrentService
) -> Response:
    """The uploaded picture, reduced to at most 256 pixels, a WebP file."""
    headers = {"ETag": f'"{picture.id}-thumbnail"', "Cache-Control": "private, no-cache"}
    if is_unchanged(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        async with service.decoder.turn() as run:
            blob = await service.blobs.get_async(picture.blob)
            thumbnail = await run(encode_thumbnail, blob)
    except (FileNotFoundError, DamagedPicture) as error:
        raise _make_lost_error(picture) from error
    return Response(thumbnail, headers=headers, media_type="image/webp")


@router.delete(
    "/{picture_id}",
    summary="Delete an uploaded picture",
    status_code=HTTPStatus.NO_CONTENT,
    responses=caller_problems(404),
)
async def delete_uploaded_picture(picture: PathPicture, service: CurrentService) -> None:
    """Deletes the uploaded picture. Jobs that were submitted with it have their own copy."""
    await delete_picture(picture, service)


async def _receive(access: Access) -> PictureUpload:
    """Reads, normalises and stores the picture in a request.

    Raises:
        WrongContentType, MalformedRequest, InvalidFields: as for the pictures of a job.
    """
    request, service = access.request, access.service
    require_media_type(request, "multipart/form-data")
    with service.uploads.open() as folder:
        form = parse_form(await parse_multipart(request, folder), service.settings)
        await to_thread.run_sync(form.upload.finish)
        return await normalise_and_store(form.upload.path, folder, form.name, access)


def respond_with_picture(upload: PictureUpload) -> Response:
    """The response with an uploaded picture: 201, or 200 if its owner had it before."""
    picture = schemas.describe_picture(upload.picture)
    status = HTTPStatus.CREATED if upload.is_new else HTTPStatus.OK
    return JSONResponse(picture.model_dump(mode="json"), status, {"Location": picture.links.self})


def _make_lost_error(picture: UploadedPicture) -> PictureNotFound:
    sentence = f"The picture store no longer has picture {picture.id}: upload it again."
    return PictureNotFound(sentence)
