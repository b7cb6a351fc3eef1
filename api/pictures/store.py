"""A caller's uploaded pictures: found, used in jobs, stored and deleted."""

from hashlib import file_digest
from pathlib import Path
from typing import Annotated

from anyio import CancelScope, to_thread
from fastapi import Depends

from api.access.authentication import Access, CurrentAccess
from api.http.upload_space import UploadFolder
from api.service import Service
from shared import uploaded_pictures
from shared.errors import FieldError, InvalidFields, PictureNotFound, StorageUnavailable
from shared.pictures import is_transparent, size_of
from shared.uploaded_pictures import (
    UNUSED,
    PictureContent,
    PictureUpload,
    UploadedPicture,
    is_picture_id,
    make_picture_id,
    new_blob_key,
)

LATE_SECONDS = 1
"""After how long a client may try again if storing its picture took too long."""


async def find_picture(picture_id: str, access: CurrentAccess) -> UploadedPicture:
    """The picture with this id.

    Raises:
        PictureNotFound: the picture does not exist or has expired, or it belongs to another owner.
    """
    picture = None
    if is_picture_id(picture_id):
        reading = uploaded_pictures.read(picture_id, access.owner)
        picture = await access.service.jobs.run(reading)
    if picture is None:
        raise PictureNotFound(f"The picture {picture_id!r} does not exist.")
    return picture


PathPicture = Annotated[UploadedPicture, Depends(find_picture)]
"""The picture in an endpoint's path."""


async def use_picture(field: str, picture_id: str, access: Access) -> UploadedPicture:
    """The picture that a field of a submission names, which is retained for longer.

    Raises:
        InvalidFields: the picture does not exist or has expired, or it belongs to another owner.
    """
    picture = None
    if is_picture_id(picture_id):
        limits = access.service.picture_limits
        renewal = uploaded_pictures.renew(picture_id, access.owner, limits)
        picture = await access.service.jobs.run(renewal)
    if picture is None:
        sentence = f"The picture {picture_id!r} does not exist or has expired: upload it again."
        raise InvalidFields([FieldError(field, "picture_not_found", sentence)])
    return picture


async def normalise_and_store(
    source: Path, folder: UploadFolder, name: str, access: Access
) -> PictureUpload:
    """Stores the picture in an untrusted file.

    Args:
        folder: for temporary files.

    Raises:
        InvalidFields: the file is not a picture that is accepted.
        StorageUnavailable: it took too long.
        UploadsBusy: the other uploads leave too little space.
    """
    normalised = folder.path / "picture"
    fault = await access.service.decoder.normalise(source, normalised, keeps_transparency=True)
    folder.count_files()
    if fault is not None:
        error = FieldError("picture", fault.code, fault.detail)
        raise InvalidFields([error], status=fault.status)
    return await _store_picture(normalised, name, access)


async def _store_picture(picture: Path, name: str, access: Access) -> PictureUpload:
    """Stores a normalised picture; one that its owner has already is only renewed.

    If anything fails, nothing stays behind.

    Raises:
        StorageUnavailable: it took too long.
    """
    service, owner, limits = access.service, access.owner, access.service.picture_limits
    content = await to_thread.run_sync(_read_content, picture)
    picture_id = make_picture_id(owner, content.digest)
    known = await service.jobs.run(uploaded_pictures.renew(picture_id, owner, limits, name=name))
    if known is not None:
        if await _has_blob(known, service):
            return PictureUpload(is_new=False, picture=known)
        await delete_picture(known, service)
    blob = new_blob_key(picture_id)
    await service.jobs.run(uploaded_pictures.begin_upload(picture_id, owner, blob))
    try:
        await service.blobs.put_file(blob, picture)
        storing = uploaded_pictures.store(
            picture_id, owner, name=name, content=content, blob=blob, limits=limits
        )
        upload = await service.jobs.run(storing)
        if upload is None:
            sentence = "Storing the picture took too long. Please try again."
            raise StorageUnavailable(sentence, retry_after_seconds=LATE_SECONDS)
    except BaseException:
        # Delete the record, too: it may have been written even if writing it failed here.
        with CancelScope(shield=True):
            await service.jobs.run(uploaded_pictures.delete(picture_id, owner, blob))
            await _delete_blob(blob, service)
        raise
    if not upload.is_new:
        await _delete_blob(blob, service)
    return upload


async def delete_picture(picture: UploadedPicture, service: Service) -> None:
    """Deletes a picture. Jobs have their own copies."""
    await service.jobs.run(uploaded_pictures.delete(picture.id, picture.owner, picture.blob))
    await _delete_blob(picture.blob, service)


def _read_content(picture: Path) -> PictureContent:
    with picture.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    height, width = size_of(picture)
    size_bytes = picture.stat().st_size
    return PictureContent(digest, width, height, size_bytes, is_transparent(picture))


async def _has_blob(picture: UploadedPicture, service: Service) -> bool:
    """Whether the store still has its blob."""
    try:
        await service.blobs.size_bytes(picture.blob)
    except FileNotFoundError:
        return False
    return True


async def _delete_blob(blob: str, service: Service) -> None:
    """Deletes a blob that no picture uses; if that fails, the reconciler does it later."""
    await service.blobs.delete_async(blob)
    await service.jobs.client.zrem(UNUSED, blob)
