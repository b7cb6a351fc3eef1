"""Reads a submission: multipart in, valid options and normalised pictures out.

The bytes of an upload are written once, as they arrive, to the file that the decoder reads; what it
writes is the file that the store receives.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread
from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.access.authentication import Access, check_priority
from api.decoding.decoder import Decoder
from api.jobs.dependencies import find_earlier_job
from api.submissions.form import (
    Submission,
    normalize_form,
    parse_fields,
    pictures_job_id,
    start_job_id,
)
from api.submissions.queueing import check_capacity
from pastiche.memory_budget import ImageSizes
from pastiche.sizes import same_aspect
from shared import tracing
from shared.blob_store import BlobStore
from shared.errors import (
    FieldError,
    InvalidFields,
    MalformedRequest,
    PicturesLost,
    WrongContentType,
)
from shared.inputs import PICTURE_FIELDS, Inputs
from shared.pictures import size_of

_MAX_PARTS = 96
_MAX_TEXT_BYTES = 16 * 1024
_BUFFER_BYTES = 64 * 1024

_CUT_OFF = "The form cannot be read: it is cut off."
_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii")

_STYLE_FIELDS = ("style", "style_mask", "mask")
"""Reused from an earlier job together, or not at all: there are as many masks as styles."""

_CONTENT_FIELDS = ("content", "content_map")

_START_FIELDS = ("start_image",)
"""Reused only from the job that `pictures_of` names; `start` puts its job's result here."""


@asynccontextmanager
async def read_submission(access: Access, *, is_sweep: bool = False) -> AsyncIterator[Submission]:
    """The submission in a request, if its caller may make it and a living worker can paint it. Its
    files live as long as the context.

    Args:
        is_sweep: whether some options may have several values, one for each job of a sweep.

    Raises:
        WrongContentType: the body is not multipart/form-data, or not in UTF-8.
        MalformedRequest: it says that it is, and cannot be read as such.
        InvalidFields: names every field at fault.
        DecodersBusy: too many pictures came before.
        PicturesLost: the store no longer has an earlier job's picture.
    """
    request, service = access.request, access.service
    _check_content_type(request.headers)
    with TemporaryDirectory(dir=service.scratch) as name:
        folder = Path(name)
        form = normalize_form(await _parse_multipart(request, folder), is_sweep=is_sweep)
        reused = await _find_reused_pictures(form, access)
        variants, job_settings = parse_fields(form, reused, service.settings, is_sweep=is_sweep)
        with tracing.span("decode"):
            files = await _normalise(form, folder, service.decoder)
        for field, keys in reused.items():
            files[field] = [
                await _fetch(field, key, folder / f"{field}-{index}", service.blobs)
                for index, key in enumerate(keys)
            ]
        sizes = _measure(files)
        check_priority(job_settings.priority, access)
        await check_capacity(variants[0].options, sizes, service)
        yield Submission(
            variants, job_settings, _make_inputs(files), sizes, _compute_fingerprint(form)
        )


def _check_content_type(headers: Headers) -> None:
    media_type, parameters = parse_options_header(headers.get("content-type", ""))
    if media_type.strip() != b"multipart/form-data":
        raise WrongContentType("Send the pictures and options as multipart/form-data.")
    # Python has encodings that fail in odd ways or give text that cannot be encoded again, and
    # caches every name that it is ever given.
    if parameters.get(b"charset", b"utf-8").strip().lower() not in _ENCODINGS:
        raise WrongContentType("Send the form in UTF-8.")


async def _parse_multipart(request: Request, folder: Path) -> FormData:
    parser = _Parser(request, folder)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedRequest(f"The form cannot be read: {error.message}") from error
    except ClientDisconnect as error:
        raise MalformedRequest(_CUT_OFF) from error
    if not parser.has_ended:
        raise MalformedRequest(_CUT_OFF)
    return form


class _Upload(UploadFile):
    """A file of a form. It is written as it arrives, a small one when it is flushed, and open only
    while it is written: there may be many."""

    def __init__(self, path: Path, filename: str | None) -> None:
        super().__init__(BytesIO(), size=0, filename=filename)
        self.path = path
        self.digest = sha256()
        self._buffer = bytearray()

    async def write(self, data: bytes) -> None:
        assert self.size is not None
        self.size += len(data)
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await to_thread.run_sync(self.flush)

    async def seek(self, offset: int) -> None:
        """Does nothing: the parser rewinds each file."""

    def flush(self) -> None:
        self.digest.update(self._buffer)
        with self.path.open("ab") as out:
            out.write(self._buffer)
        self._buffer.clear()


class _Parser(MultiPartParser):
    """Parses an untrusted form in little memory: files go to a folder, texts are short."""

    def __init__(self, request: Request, folder: Path) -> None:
        super().__init__(
            request.headers,
            request.stream(),
            max_files=_MAX_PARTS,
            max_fields=_MAX_PARTS,
            max_part_size=_MAX_TEXT_BYTES,
        )
        self._folder = folder
        self.has_ended = False

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None:
            path = self._folder / f"{len(self.items)}.upload"
            part.file = _Upload(path, part.file.filename)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        try:
            super().on_part_data(data, start, end)
        except MultiPartException as error:
            sentence = f"This text is longer than {_MAX_TEXT_BYTES} bytes."
            field = self._current_part.field_name
            raise InvalidFields([FieldError(field, "text_too_long", sentence)]) from error

    def on_end(self) -> None:
        self.has_ended = True


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


async def _normalise(form: FormData, folder: Path, decoder: Decoder) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {name: [] for name in PICTURE_FIELDS}
    errors: list[tuple[FieldError, int]] = []
    for name, field in PICTURE_FIELDS.items():
        for index, upload in enumerate(form.getlist(name)):
            assert isinstance(upload, _Upload)
            target = folder / f"{name}-{index}"
            await to_thread.run_sync(upload.flush)
            fault = await decoder.normalise(
                upload.path,
                target,
                is_mask=field.is_mask,
                keeps_transparency=field.keeps_transparency,
            )
            upload.path.unlink()
            if fault is not None:
                errors.append((FieldError(name, fault.code, fault.detail), fault.status))
            files[name].append(target)
    if errors:
        statuses = {status for _, status in errors}
        status = statuses.pop() if len(statuses) == 1 else 422
        raise InvalidFields([error for error, _ in errors], status=status)
    return files


async def _fetch(field: str, key: str, target: Path, blobs: BlobStore) -> Path:
    """A picture of an earlier job, which was normalised then."""
    try:
        await blobs.get_file(key, target)
    except FileNotFoundError as error:
        sentence = f"The store no longer has the earlier job's picture for {field}: send one."
        raise PicturesLost(sentence) from error
    return target


def _measure(files: Mapping[str, list[Path]]) -> ImageSizes:
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


def _make_inputs(files: Mapping[str, list[Path]]) -> Inputs[Path]:
    several = {n: tuple(each) for n, each in files.items() if PICTURE_FIELDS[n].most > 1}
    single = {n: each[0] for n, each in files.items() if PICTURE_FIELDS[n].most == 1 and each}
    return Inputs(**several, **single)  # type: ignore[arg-type]  # one kind of field each


def _compute_fingerprint(form: FormData) -> str:
    """Identifies the form: a digest of every field and file, in order."""
    whole = sha256()
    for name, value in form.multi_items():
        digest = value.digest if isinstance(value, _Upload) else sha256(str(value).encode())
        whole.update(sha256(name.encode()).digest() + digest.digest())
    return whole.hexdigest()
