"""Reads a submission: a form or JSON in, valid options and normalised pictures out.

It has two parts, because a submission that was accepted before needs only the first: by then, its
URLs may lead nowhere, and pictures that it refers to may be deleted.

The bytes of an upload are written once, as they arrive, to the file that the decoder reads; what it
writes is the file that the store receives.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from anyio import create_task_group, to_thread
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from api.access.authentication import Access, check_priority
from api.http.files import DataUri, Upload, is_data_uri
from api.http.multipart import parse_multipart
from api.http.negotiation import require_media_type
from api.jobs.dependencies import find_earlier_job
from api.service import Service
from api.submissions.form import (
    Kind,
    Submission,
    normalize_form,
    parse_fields,
    pictures_job_id,
    start_job_id,
)
from api.submissions.json_form import parse_json
from api.submissions.pairs import Pair, locate, make_pairs
from api.submissions.queueing import check_capacity
from api.submissions.references import (
    Source,
    StoredPicture,
    fetch_reference,
    make_lost_error,
)
from pastiche.memory_budget import ImageSizes
from pastiche.sizes import same_aspect
from shared import tracing
from shared.blob_store import BlobStore
from shared.errors import FieldError, InvalidFields, PasticheError
from shared.inputs import PICTURE_FIELDS, Inputs
from shared.pictures import size_of

_STYLE_FIELDS = ("style", "style_mask", "mask")
"""Reused from an earlier job together, or not at all: there are as many masks as styles."""

_CONTENT_FIELDS = ("content", "content_map")

_START_FIELDS = ("start_image",)
"""Reused only from the job that `pictures_of` names; `start` puts its job's result here."""


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form whose fields and pictures are still to be checked.

    Attributes:
        folder: has its files, and more of them while they are read.
        fingerprint: the same for the same form, and for no other.
    """

    form: FormData
    kind: Kind
    folder: Path
    fingerprint: str


@asynccontextmanager
async def receive_form(access: Access, kind: Kind) -> AsyncIterator[ReceivedForm]:
    """The form in a request. Its files live as long as the context.

    Raises:
        WrongContentType: the body is neither multipart/form-data nor JSON, or not in UTF-8.
        MalformedRequest: it says that it is, and cannot be read as such.
        InvalidFields: a field of the JSON has a value of a wrong type.
    """
    with TemporaryDirectory(dir=access.service.scratch) as name:
        folder = Path(name)
        form = normalize_form(await _read_form(access.request, folder, kind), kind)
        yield ReceivedForm(form, kind, folder, _compute_fingerprint(form, kind))


async def read_submissions(received: ReceivedForm, access: Access) -> list[Submission]:
    """The submission in a form, if its caller may make it and a living worker can paint it; of a
    batch, one for each pair of images.

    Raises:
        InvalidFields: names every field at fault.
        DecodersBusy, TooManyFetches: too many pictures came before.
        PicturesLost: the store no longer has an earlier job's picture.
    """
    service = access.service
    form, kind, folder = received.form, received.kind, received.folder
    reused = {} if kind == "batch" else await _find_reused_pictures(form, access)
    variants, job_settings = parse_fields(form, reused, service.settings, kind)
    check_priority(job_settings.priority, access)
    sources = await _find_sources(form, folder, access)
    for field, keys in reused.items():
        sources[field] = [StoredPicture(key) for key in keys]
    with tracing.span("decode"):
        files = await _normalise(sources, folder, service)
    pairs = make_pairs(form, files) if kind == "batch" else [Pair(files)]
    sizes = [_measure(pair.files) for pair in pairs]
    await check_capacity(variants[0].options, sizes, service)
    return [
        Submission(
            variants, job_settings, _make_inputs(pair.files), measured, pair.content, pair.style
        )
        for pair, measured in zip(pairs, sizes, strict=True)
    ]


async def _read_form(request: Request, folder: Path, kind: Kind) -> FormData:
    """The form in a request, or the form that has the values of its JSON; data URIs are files."""
    media_type = require_media_type(request, "multipart/form-data", "application/json")
    if media_type == "application/json":
        form = await parse_json(request, folder, kind)
    else:
        form = await parse_multipart(request, folder)
    return await _finish_uploads(form, folder)


async def _finish_uploads(form: FormData, folder: Path) -> FormData:
    """The form with all files written; data URIs are files, too, and the short ones still texts."""
    items = form.multi_items()
    for index, (name, value) in enumerate(items):
        if isinstance(value, str) and name in PICTURE_FIELDS and is_data_uri(value.encode()):
            items[index] = (name, DataUri(folder / f"{index}.text.upload", value.encode()))
    for _, value in items:
        if isinstance(value, Upload):
            await to_thread.run_sync(value.finish)
    return FormData(items)


async def _find_reused_pictures(form: FormData, access: Access) -> dict[str, list[str]]:
    """The blob keys of pictures from earlier jobs, by field: the result of the job that `start`
    names, and those pictures of the job that `pictures_of` or `start` names that are not uploaded.
    """
    start, pictures_of = start_job_id(form), pictures_job_id(form)
    reused: dict[str, list[str]] = {}
    earlier = None
    if start is not None:
        earlier = await find_earlier_job("start", start, access)
        assert earlier.result_key is not None
        reused["start_image"] = [earlier.result_key]
    groups = [_CONTENT_FIELDS, _STYLE_FIELDS]
    if pictures_of is not None:
        earlier = await find_earlier_job("pictures_of", pictures_of, access)
        if form.get("start", "image") == "image":
            groups.append(_START_FIELDS)
    if earlier is None:
        return reused
    pictures = earlier.inputs.by_field()
    for group in groups:
        if not any(form.getlist(name) for name in group):
            reused |= {name: pictures[name] for name in group if pictures[name]}
    return reused


async def _find_sources(form: FormData, folder: Path, access: Access) -> dict[str, list[Source]]:
    """Where each picture of a form is: uploads are in the folder, references are fetched, all at
    the same time.

    Raises:
        InvalidFields: names every field whose reference names no picture.
        TooManyFetches: too many pictures came before.
    """
    values = [
        (name, index, value)
        for name in PICTURE_FIELDS
        for index, value in enumerate(form.getlist(name))
    ]
    found: dict[int, Source | PasticheError | OSError] = {}

    async def find(number: int, name: str, value: UploadFile | str) -> None:
        try:
            found[number] = await _find_source(name, value, folder / f"{number}.fetched", access)
        except (PasticheError, OSError) as error:
            found[number] = error

    async with create_task_group() as tasks:
        for number, (name, _, value) in enumerate(values):
            tasks.start_soon(find, number, name, value)
    sources: dict[str, list[Source]] = {name: [] for name in PICTURE_FIELDS}
    errors: list[FieldError] = []
    statuses: set[int] = set()
    for number, (name, index, _) in enumerate(values):
        match found[number]:
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


async def _normalise(
    sources: Mapping[str, list[Source]], folder: Path, service: Service
) -> dict[str, list[Path]]:
    """The normalised file of each picture.

    Raises:
        InvalidFields: names every field whose picture is refused.
        PicturesLost: the store no longer has a picture.
    """
    files: dict[str, list[Path]] = {}
    errors: list[FieldError] = []
    statuses: set[int] = set()
    for name, several in sources.items():
        field = PICTURE_FIELDS[name]
        files[name] = [folder / f"{name}-{index}" for index in range(len(several))]
        for index, (source, target) in enumerate(zip(several, files[name], strict=True)):
            if isinstance(source, StoredPicture):
                await _copy_stored(name, source, target, service.blobs)
                continue
            fault = await service.decoder.normalise(
                source,
                target,
                is_mask=field.is_mask,
                keeps_transparency=field.keeps_transparency,
            )
            source.unlink()
            if fault is not None:
                sentence = locate(fault.detail, index, len(several))
                errors.append(FieldError(name, fault.code, sentence))
                statuses.add(fault.status)
    if errors:
        _refuse(errors, statuses)
    return files


def _refuse(errors: list[FieldError], statuses: Collection[int]) -> NoReturn:
    """Raises InvalidFields, with the status of the errors if they share one."""
    raise InvalidFields(errors, *(statuses if len(statuses) == 1 else ()))


async def _copy_stored(field: str, picture: StoredPicture, target: Path, blobs: BlobStore) -> None:
    try:
        await blobs.get_file(picture.key, target)
    except FileNotFoundError as error:
        raise make_lost_error(field) from error


def _measure(files: Mapping[str, Sequence[Path]]) -> ImageSizes:
    """The sizes of the pictures.

    Raises:
        InvalidFields: a mask or a start image has another aspect ratio than its image.
    """
    sizes = {name: [size_of(each) for each in several] for name, several in files.items()}
    content, styles = sizes["content"][0], sizes["style"]
    of_content = ("mask", "content_map", "start_image")
    pairs = [(name, size, content) for name in of_content for size in sizes[name]]
    pairs += [
        ("style_mask", mask, style)
        for mask, style in zip(sizes["style_mask"], styles, strict=False)
    ]
    errors = [
        FieldError(name, "wrong_aspect", _describe_aspect(size, expected))
        for name, size, expected in pairs
        if not same_aspect(size, expected)
    ]
    if errors:
        raise InvalidFields(errors)
    over_content = len(sizes["mask"]) + len(sizes["content_map"])
    masked = [*over_content * [content], *styles[: len(sizes["style_mask"])]]
    return ImageSizes(content, styles, masked, start=next(iter(sizes["start_image"]), None))


def _describe_aspect(size: tuple[int, int], expected: tuple[int, int]) -> str:
    return (
        f"This picture is {size[1]}×{size[0]} pixels and must have the aspect ratio of its image, "
        f"which is {expected[1]}×{expected[0]}."
    )


def _make_inputs(files: Mapping[str, Sequence[Path]]) -> Inputs[Path]:
    several = {n: tuple(each) for n, each in files.items() if PICTURE_FIELDS[n].most > 1}
    single = {n: each[0] for n, each in files.items() if PICTURE_FIELDS[n].most == 1 and each}
    return Inputs(**several, **single)  # type: ignore[arg-type]  # one kind of field each


def _compute_fingerprint(form: FormData, kind: Kind) -> str:
    """Identifies the form: a digest of its kind and of every field and file, in order."""
    whole = sha256(kind.encode())
    for name, value in form.multi_items():
        digest = value.digest if isinstance(value, Upload) else sha256(str(value).encode())
        whole.update(sha256(name.encode()).digest() + digest.digest())
    return whole.hexdigest()
