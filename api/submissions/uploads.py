"""Reads a submission: turns a form or JSON into valid options and normalised pictures.

This has two parts, because a submission that was accepted before needs only the first: since then,
its URLs may have become invalid, and pictures that it refers to may have been deleted.

The bytes of an upload are written only once, as they arrive, to the file that the decoder reads.
The file that the decoder writes is the one that the store receives.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import FormData

from api.access.authentication import Access, check_priority
from api.http.files import DataUri, Upload, is_data_uri
from api.http.multipart import parse_multipart
from api.http.negotiation import require_media_type
from api.http.upload_space import UploadFolder
from api.jobs.dependencies import find_earlier_job
from api.submissions.form import (
    Kind,
    Submission,
    normalize_form,
    parse_fields,
    pictures_job_id,
    start_job_id,
)
from api.submissions.json_form import parse_json
from api.submissions.pairs import Pair, make_pairs
from api.submissions.pictures import find_sources, normalise
from api.submissions.queueing import check_capacity
from api.submissions.references import StoredPicture
from pastiche.memory_budget import ImageSizes
from pastiche.sizes import same_aspect
from shared import tracing
from shared.errors import FieldError, InvalidFields
from shared.inputs import PICTURE_FIELDS, Inputs

_STYLE_FIELDS = ("style", "style_mask", "mask")
"""These fields are reused from an earlier job only together: there are as many masks as styles."""

_CONTENT_FIELDS = ("content", "content_map")

_START_FIELDS = ("start_image",)
"""Reused only from the job that `pictures_of` names; `start` puts its job's result here."""


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form whose fields and pictures are still to be checked.

    Attributes:
        folder: the folder with its files, and with further ones while they are read.
        fingerprint: a hash that is the same for the same form, and for no other.
    """

    form: FormData
    kind: Kind
    folder: UploadFolder
    fingerprint: str


@asynccontextmanager
async def receive_form(access: Access, kind: Kind) -> AsyncIterator[ReceivedForm]:
    """The form in a request. Its files are deleted at the end of the context.

    Raises:
        WrongContentType: the body is neither multipart/form-data nor JSON, or not in UTF-8.
        MalformedRequest: the body cannot be parsed.
        InvalidFields: a field of the JSON has a value of a wrong type.
        UploadsBusy: the other uploads leave too little space.
    """
    with access.service.uploads.open() as folder:
        form = normalize_form(await _read_form(access.request, folder, kind), kind)
        yield ReceivedForm(form, kind, folder, _compute_fingerprint(form, kind))


async def read_submissions(received: ReceivedForm, access: Access) -> list[Submission]:
    """The submission in a form, if its caller may submit it and a worker can paint it. For a batch,
    one submission for each pair of images.

    Raises:
        InvalidFields: names every invalid field.
        DecodersBusy, TooManyFetches: too many pictures came before.
        UploadsBusy: the other uploads leave too little space.
        PicturesLost: the store no longer has an earlier job's picture.
    """
    service = access.service
    form, kind, folder = received.form, received.kind, received.folder
    reused = {} if kind == "batch" else await _find_reused_pictures(form, access)
    variants, job_settings = parse_fields(form, reused, service.settings, kind)
    check_priority(job_settings.priority, access)
    sources = await find_sources(form, folder, access)
    for name, keys in reused.items():
        sources[name] = [StoredPicture(key) for key in keys]
    with tracing.span("decode"):
        normalised = await normalise(sources, folder, service)
    files = normalised.files
    pairs = make_pairs(form, files) if kind == "batch" else [Pair(files)]
    sizes = [_find_sizes(pair.files, normalised.sizes) for pair in pairs]
    await check_capacity(variants[0].options, sizes, service)
    return [
        Submission(
            variants,
            job_settings,
            _make_inputs(pair.files),
            normalised.stored,
            measured,
            pair.content,
            pair.style,
        )
        for pair, measured in zip(pairs, sizes, strict=True)
    ]


async def _read_form(request: Request, folder: UploadFolder, kind: Kind) -> FormData:
    """The form in a request, or the form that has the values of its JSON; data URIs are files."""
    media_type = require_media_type(request, "multipart/form-data", "application/json")
    if media_type == "application/json":
        form = await parse_json(request, folder, kind)
    else:
        form = await parse_multipart(request, folder)
    return await _finish_uploads(form, folder.path)


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


def _find_sizes(
    files: Mapping[str, Sequence[Path]], measured: Mapping[Path, tuple[int, int]]
) -> ImageSizes:
    """The sizes of the pictures of one job.

    Raises:
        InvalidFields: a mask or a start image has another aspect ratio than its image.
    """
    sizes = {name: [measured[each] for each in several] for name, several in files.items()}
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
