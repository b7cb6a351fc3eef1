"""`/pictures/uploads`: a client sends the file of a picture straight to the object store, at a
signed URL.

The file is then checked, decoded and stored like every other upload.
"""

from http import HTTPStatus
from math import ceil
from secrets import token_hex

from fastapi import APIRouter, Response

from api.access.authentication import Access, CurrentAccess
from api.http.files import check_size
from api.http.problems import caller_problems
from api.pictures import schemas
from api.pictures.endpoints import respond_with_picture
from api.pictures.store import normalise_and_store
from shared import direct_uploads, uploaded_pictures
from shared.direct_uploads import URL_SECONDS, DirectUpload, upload_blob_key
from shared.errors import (
    InvalidFields,
    NoDirectUploads,
    NothingUploaded,
    TooManyUploads,
    UploadNotFound,
)
from shared.uploaded_pictures import PictureUpload, is_picture_id

router = APIRouter(prefix="/pictures/uploads", tags=["pictures"])


@router.post("", summary="Begin a direct upload", responses=caller_problems(409, 413, 415, 422))
async def begin_upload(access: CurrentAccess, upload: schemas.NewUpload) -> schemas.DirectUpload:
    """Returns a signed URL of the object store. Send the file of a picture to it with PUT, and then
    complete the upload. If the service does not allow this, the response is 409."""
    service = access.service
    upload_id = token_hex(16)
    url = None
    if service.settings.direct_uploads:
        url = await service.blobs.sign_write(upload_blob_key(upload_id), URL_SECONDS)
    if url is None:
        sentence = "Files cannot be sent to the store of this service: use POST /pictures."
        raise NoDirectUploads(sentence)
    beginning = direct_uploads.begin(
        upload_id,
        access.owner,
        name=upload.name.strip(),
        limit=service.picture_limits.per_owner,
    )
    wait_seconds = await service.jobs.run(beginning)
    if wait_seconds:
        sentence = "Too many uploads may still be written: wait until their URLs expire."
        raise TooManyUploads(sentence, retry_after_seconds=ceil(wait_seconds))
    return schemas.DirectUpload(
        id=upload_id,
        method="PUT",
        url=url,
        expires_in=URL_SECONDS,
        max_bytes=service.settings.upload_limit_bytes,
        links=schemas.DirectUploadLinks(complete=f"/pictures/uploads/{upload_id}/complete"),
    )


@router.post(
    "/{upload_id}/complete",
    summary="Complete a direct upload",
    status_code=HTTPStatus.CREATED,
    response_model=schemas.Picture,
    responses=caller_problems(404, 409, 413, 415, 422, 507)
    | {200: {"model": schemas.Picture, "description": "It was uploaded before, and is renewed"}},
)
async def complete_upload(upload_id: str, access: CurrentAccess) -> Response:
    """Checks the file that was sent to the upload's URL, and stores its picture as `POST /pictures`
    does. A file that is refused is deleted; another one may be sent while the URL is valid."""
    upload = await _find_upload(upload_id, access)
    stored = await _find_completed(upload, access)
    if stored is None:
        try:
            stored = await _complete(upload_id, upload, access)
        except NothingUploaded:
            # Another request may have completed it meanwhile.
            stored = await _find_completed(await _find_upload(upload_id, access), access)
            if stored is None:
                raise
    return respond_with_picture(stored)


async def _find_upload(upload_id: str, access: Access) -> DirectUpload:
    """The upload with this id.

    Raises:
        UploadNotFound: it does not exist or has expired, or it belongs to another owner.
    """
    upload = None
    if is_picture_id(upload_id):
        upload = await access.service.jobs.run(direct_uploads.read(upload_id, access.owner))
    if upload is None:
        raise UploadNotFound(f"The upload {upload_id!r} does not exist or has expired.")
    return upload


async def _find_completed(upload: DirectUpload, access: Access) -> PictureUpload | None:
    """The picture of an upload that was completed before, if it still exists."""
    if not upload.picture_id:
        return None
    limits = access.service.picture_limits
    renewal = uploaded_pictures.renew(upload.picture_id, access.owner, limits)
    picture = await access.service.jobs.run(renewal)
    return None if picture is None else PictureUpload(is_new=False, picture=picture)


async def _complete(upload_id: str, upload: DirectUpload, access: Access) -> PictureUpload:
    """Stores the picture, and deletes the file that was sent, also if that is refused.

    Raises:
        NothingUploaded: no file was sent.
        InvalidFields: the file is too large, or not a picture.
    """
    service = access.service
    try:
        stored = await _store(upload, access)
    except InvalidFields:
        await service.blobs.delete_async(upload.blob)
        raise
    await service.jobs.run(direct_uploads.complete(upload_id, access.owner, stored.picture.id))
    await service.blobs.delete_async(upload.blob)
    return stored


async def _store(upload: DirectUpload, access: Access) -> PictureUpload:
    """Stores the picture in the file that was sent. Reads no more than the size that was checked.

    Raises:
        NothingUploaded: no file was sent.
        InvalidFields: the file is too large, or not a picture.
    """
    service = access.service
    with service.uploads.open() as folder:
        source = folder.path / "upload"
        try:
            size_bytes = await service.blobs.size_bytes(upload.blob)
            fault = check_size("picture", size_bytes, service.settings)
            if fault is not None:
                raise InvalidFields([fault], status=413 if fault.code == "file_too_large" else 422)
            folder.take(size_bytes)
            await service.blobs.get_file(upload.blob, source, slice(0, size_bytes))
        except FileNotFoundError as error:
            sentence = "No file was sent to the URL of this upload yet: send it with PUT."
            raise NothingUploaded(sentence) from error
        return await normalise_and_store(source, folder, upload.name, access)
