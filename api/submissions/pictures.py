"""The pictures of a form: found, normalised and stored.

An uploaded picture that is ready for its field is not read: the store copies it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn, TypeAlias

from anyio import create_task_group, to_thread
from starlette.datastructures import FormData, UploadFile

from api.access.authentication import Access
from api.http.files import Upload
from api.http.upload_space import UploadFolder
from api.service import Service
from api.submissions.pairs import locate
from api.submissions.references import Source, StoredPicture, fetch_reference, make_lost_error
from shared.blob_store import BlobStore
from shared.errors import FieldError, InvalidFields
from shared.inputs import PICTURE_FIELDS
from shared.pictures import PictureFault, size_of

Writer: TypeAlias = Callable[[str, Path], Awaitable[None]]
"""Stores the picture of a submission at this path under this key."""


@dataclass(frozen=True, slots=True)
class NormalisedPictures:
    """The pictures of a form. A picture that a field names several times is one file.

    Attributes:
        files: by field.
        stored: the blob keys of pictures that are not read here, by the paths that stand for them.
        sizes: height and width of each, in pixels.
    """

    files: dict[str, list[Path]] = field(default_factory=dict)
    stored: dict[Path, str] = field(default_factory=dict)
    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)


async def find_sources(
    form: FormData, folder: UploadFolder, access: Access
) -> dict[str, list[Source]]:
    """Finds where each picture of a form is. Uploads are in the folder; references are fetched, all
    at the same time, and each only once for its field.

    Raises:
        InvalidFields: names every field whose reference names no picture.
        TooManyFetches: too many pictures came before.
        UploadsBusy: the other uploads leave too little space.
    """
    values = [
        (name, index, value)
        for name in PICTURE_FIELDS
        for index, value in enumerate(form.getlist(name))
    ]
    found: dict[tuple[str, UploadFile | str], Source | Exception] = {}

    async def find(name: str, value: UploadFile | str, target: Path) -> None:
        try:
            found[name, value] = await _find_source(name, value, target, access)
            folder.count_files()
        except Exception as error:  # raised below: the task group would wrap it in another
            found[name, value] = error

    async with create_task_group() as tasks:
        unique = dict.fromkeys((name, value) for name, _, value in values)
        for number, (name, value) in enumerate(unique):
            tasks.start_soon(find, name, value, folder.path / f"{number}.fetched")
    sources: dict[str, list[Source]] = {name: [] for name in PICTURE_FIELDS}
    errors: list[FieldError] = []
    statuses: set[int] = set()
    for name, index, value in values:
        match found[name, value]:
            case InvalidFields() as invalid:
                count = len(form.getlist(name))
                errors += [
                    replace(each, detail=locate(each.detail, index, count))
                    for each in invalid.errors
                ]
                statuses.add(invalid.http_status)
            case Exception() as error:
                raise error
            case source:
                sources[name].append(source)
    if errors:
        _refuse(errors, statuses)
    return sources


async def _find_source(field: str, value: UploadFile | str, target: Path, access: Access) -> Source:
    if isinstance(value, str):
        return await fetch_reference(field, value, target, access)
    assert isinstance(value, Upload)
    return value.path


async def normalise(
    sources: Mapping[str, list[Source]], folder: UploadFolder, service: Service
) -> NormalisedPictures:
    """Normalises each picture.

    Raises:
        InvalidFields: names every field whose picture is refused.
        PicturesLost: the store no longer has a picture.
        UploadsBusy: the other uploads leave too little space.
    """
    pictures = NormalisedPictures()
    errors: list[FieldError] = []
    statuses: set[int] = set()
    for name, several in sources.items():
        targets: dict[Source, Path] = {}
        for index, source in enumerate(several):
            if source in targets:
                continue
            target = targets[source] = folder.path / f"{name}-{index}"
            fault = await _read_picture(name, source, target, pictures, service)
            folder.count_files()
            if fault is not None:
                sentence = locate(fault.detail, index, len(several))
                errors.append(FieldError(name, fault.code, sentence))
                statuses.add(fault.status)
        pictures.files[name] = [targets[source] for source in several]
    if errors:
        _refuse(errors, statuses)
    return pictures


async def _read_picture(
    name: str, source: Source, target: Path, pictures: NormalisedPictures, service: Service
) -> PictureFault | None:
    """Adds a picture. Writes its file, unless the store has the picture and its size is known.
    Returns why the picture is refused, if it is.

    Raises:
        PicturesLost: the store no longer has it.
    """
    if isinstance(source, StoredPicture):
        if source.size is not None:
            pictures.stored[target] = source.key
            pictures.sizes[target] = source.size
            return None
        await _copy_stored(name, source, target, service.blobs)
    else:
        needs = PICTURE_FIELDS[name]
        fault = await service.decoder.normalise(
            source,
            target,
            is_mask=needs.is_mask,
            may_be_dark=needs.may_be_dark,
            keeps_transparency=needs.keeps_transparency,
        )
        source.unlink()
        if fault is not None:
            return fault
    pictures.sizes[target] = await to_thread.run_sync(size_of, target)
    return None


def _refuse(errors: list[FieldError], statuses: Collection[int]) -> NoReturn:
    """Raises InvalidFields, with the status of the errors if they share one."""
    raise InvalidFields(errors, *(statuses if len(statuses) == 1 else ()))


async def _copy_stored(field: str, picture: StoredPicture, target: Path, blobs: BlobStore) -> None:
    try:
        await blobs.get_file(picture.key, target)
    except FileNotFoundError as error:
        raise make_lost_error(field) from error


def make_writer(stored: Mapping[Path, str], blobs: BlobStore) -> Writer:
    """Makes the function that stores a picture of a submission under a key.

    Args:
        stored: as in `NormalisedPictures`.

    Raises:
        PicturesLost: from the result; the store no longer has the picture.
    """

    async def write(key: str, source: Path) -> None:
        original = stored.get(source)
        if original is None:
            await blobs.put_file(key, source)
            return
        try:
            await blobs.copy(key, original)
        except FileNotFoundError as error:
            field, _, _ = source.name.rpartition("-")
            raise make_lost_error(field) from error

    return write
