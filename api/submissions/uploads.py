"""Reads a submission: multipart in, valid options and normalised pictures out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from api.decoding.decoder import Decoder
from api.http.problems import unknown_field_error
from api.service import Service
from api.submissions.form import (
    TEXT_FIELDS,
    Variant,
    normalize_form,
    parse_text_fields,
    pictures_job_id,
    start_job_id,
)
from api.submissions.multipart import parse_form
from pastiche.job_settings import JobSettings
from pastiche.sizes import same_aspect
from shared import tracing
from shared.blob_store import BlobStore
from shared.errors import FieldError, InvalidFields, PicturesLost
from shared.inputs import PICTURE_FIELDS, Inputs
from shared.jobs import Job
from shared.pictures import size_of
from shared.settings import Settings

_STYLE_FIELDS = ("style", "style_mask", "mask")
"""Reused from an earlier job together, or not at all: there are as many masks as styles."""

_CONTENT_FIELDS = ("content", "content_map")

_START_FIELDS = ("start_image",)
"""Reused only from the job that `pictures_of` names; `start` puts its job's result here."""

FindEarlierJob = Callable[[str, str], Awaitable[Job]]
"""Finds the earlier job that a field names; raises InvalidFields if there is none, or if it does
not have what this field needs."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A valid submission: options, job settings, and its pictures as normalised PNG files.

    Attributes:
        variants: the options of each job; one for a single job.
        fingerprint: the same for the same form, and for no other.
    """

    variants: tuple[Variant, ...]
    settings: JobSettings
    pictures: Inputs[Path]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SubmissionReader:
    """Reads submissions.

    Attributes:
        scratch: a folder for temporary files.
        is_sweep: whether some options may have several values, one for each job of a sweep.
    """

    settings: Settings
    decoder: Decoder
    blobs: BlobStore
    scratch: Path
    is_sweep: bool = False

    @classmethod
    def create(cls, service: Service, *, is_sweep: bool = False) -> "SubmissionReader":
        return cls(service.settings, service.decoder, service.blobs, service.scratch, is_sweep)

    @asynccontextmanager
    async def read(
        self, request: Request, find_earlier_job: FindEarlierJob
    ) -> AsyncIterator[Submission]:
        """The submission in a request; its files live as long as the context.

        Raises:
            WrongContentType: the body is not multipart/form-data, or not in UTF-8.
            MalformedRequest: it says that it is, and cannot be read as such.
            InvalidFields: names every field at fault.
            DecodersBusy: too many pictures came before.
            PicturesLost: the store no longer has an earlier job's picture.
        """
        uploaded = await parse_form(request)
        try:
            form = normalize_form(uploaded, is_sweep=self.is_sweep)
            reused = await _find_reused_pictures(form, find_earlier_job)
            variants, job_settings = self._parse(form, reused)
            with TemporaryDirectory(dir=self.scratch) as name:
                folder = Path(name)
                with tracing.span("decode"):
                    files = await self._normalise(form, folder)
                for field, keys in reused.items():
                    files[field] = [
                        await self._fetch(field, key, folder / f"{field}-{index}.picture")
                        for index, key in enumerate(keys)
                    ]
                _check_aspects(files)
                fingerprint = await to_thread.run_sync(_compute_fingerprint, form)
                yield Submission(variants, job_settings, _make_inputs(files), fingerprint)
        finally:
            await uploaded.close()

    def _parse(
        self, form: FormData, reused: Mapping[str, list[str]]
    ) -> tuple[tuple[Variant, ...], JobSettings]:
        """The options and settings; InvalidFields names every field of the form at fault."""
        counts = {name: len(form.getlist(name)) or len(reused.get(name, ())) for name in _PICTURES}
        errors = [*_check_fields(form), *_check_files(form, reused, self.settings)]
        try:
            parsed = parse_text_fields(form, counts, self.settings, is_sweep=self.is_sweep)
        except InvalidFields as invalid:
            raise InvalidFields([*errors, *invalid.errors]) from invalid
        if errors:
            too_large = all(error.code == "file_too_large" for error in errors)
            raise InvalidFields(errors, status=413 if too_large else 422)
        return parsed

    async def _normalise(self, form: FormData, folder: Path) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = {name: [] for name in PICTURE_FIELDS}
        errors: list[tuple[FieldError, int]] = []
        for name, field in PICTURE_FIELDS.items():
            for index, upload in enumerate(form.getlist(name)):
                assert isinstance(upload, UploadFile)
                source, target = (
                    folder / f"{name}-{index}.{kind}" for kind in ("upload", "picture")
                )
                await to_thread.run_sync(_save, upload, source)
                fault = await self.decoder.normalise(
                    source,
                    target,
                    is_mask=field.is_mask,
                    keeps_transparency=field.keeps_transparency,
                )
                source.unlink()
                if fault is not None:
                    errors.append((FieldError(name, fault.code, fault.detail), fault.status))
                files[name].append(target)
        if errors:
            statuses = {status for _, status in errors}
            status = statuses.pop() if len(statuses) == 1 else 422
            raise InvalidFields([error for error, _ in errors], status=status)
        return files

    async def _fetch(self, field: str, key: str, target: Path) -> Path:
        """A picture of an earlier job, which was normalised then.

        Raises:
            PicturesLost: the store no longer has it.
        """
        try:
            await self.blobs.get_file(key, target)
        except FileNotFoundError as error:
            sentence = f"The store no longer has the earlier job's picture for {field}: send one."
            raise PicturesLost(sentence) from error
        return target


_PICTURES = tuple(PICTURE_FIELDS)


async def _find_reused_pictures(
    form: FormData, find_earlier_job: FindEarlierJob
) -> dict[str, list[str]]:
    """The blob keys of pictures from earlier jobs, by field: the result of the job that `start`
    names, and those pictures of the job that `pictures_of` or `start` names that are not uploaded.
    """
    start, pictures_of = start_job_id(form), pictures_job_id(form)
    reused: dict[str, list[str]] = {}
    earlier = None
    if start is not None:
        earlier = await find_earlier_job("start", start)
        assert earlier.result_key is not None
        reused["start_image"] = [earlier.result_key]
    groups = [_CONTENT_FIELDS, _STYLE_FIELDS]
    if pictures_of is not None:
        earlier = await find_earlier_job("pictures_of", pictures_of)
        if form.get("start", "image") == "image":
            groups.append(_START_FIELDS)
    if earlier is None:
        return reused
    pictures = earlier.inputs.by_field()
    for group in groups:
        if not any(form.getlist(name) for name in group):
            reused |= {name: pictures[name] for name in group if pictures[name]}
    return reused


def _check_fields(form: FormData) -> list[FieldError]:
    """The errors of fields that do not exist, that are repeated, or that are files and not text."""
    names = [name for name, _ in form.multi_items()]
    known = (*PICTURE_FIELDS, *TEXT_FIELDS)
    errors = []
    for name in dict.fromkeys(names):
        most = PICTURE_FIELDS[name].most if name in PICTURE_FIELDS else 1
        if name not in known:
            errors.append(unknown_field_error(name, known))
        elif names.count(name) > most:
            often = "once" if most == 1 else f"{most} times"
            sentence = f"This field may be given only {often}."
            errors.append(FieldError(name, "repeated_field", sentence))
        elif name not in PICTURE_FIELDS and isinstance(form[name], UploadFile):
            errors.append(FieldError(name, "not_text", "This field is text, not a file."))
    return errors


def _check_files(
    form: FormData, reused: Mapping[str, list[str]], settings: Settings
) -> list[FieldError]:
    """The errors of pictures that are missing, empty, too large as files, or not files."""
    errors = []
    for name, field in PICTURE_FIELDS.items():
        uploads = form.getlist(name)
        if field.required and not uploads and name not in reused:
            errors.append(FieldError(name, "missing_file", f"A {name} image is needed."))
        if uploads and name == "start_image" and name in reused:
            sentence = "Send this picture, or let `start` name a job: not both."
            errors.append(FieldError(name, "repeated_field", sentence))
        faults = (_check_file(name, upload, settings) for upload in uploads)
        errors += [fault for fault in faults if fault is not None][:1]
    return errors


def _check_file(name: str, upload: UploadFile | str, settings: Settings) -> FieldError | None:
    if not isinstance(upload, UploadFile):
        return FieldError(name, "not_a_file", "Send this field as a file.")
    if not upload.size:
        return FieldError(name, "empty_file", "This file is empty.")
    if upload.size > settings.upload_limit_bytes:
        limit = settings.upload_limit_megabytes
        return FieldError(name, "file_too_large", f"This file is larger than {limit} MB.")
    return None


def _check_aspects(files: dict[str, list[Path]]) -> None:
    """Raises InvalidFields if a mask or a start image has another aspect ratio than its image."""
    of_content = ("mask", "content_map", "start_image")
    pairs = [(name, each, files["content"][0]) for name in of_content for each in files[name]]
    pairs += [
        ("style_mask", mask, style)
        for mask, style in zip(files["style_mask"], files["style"], strict=False)
    ]
    errors = [
        FieldError(name, "wrong_aspect", _describe_aspect(size_of(picture), size_of(image)))
        for name, picture, image in pairs
        if not same_aspect(size_of(picture), size_of(image))
    ]
    if errors:
        raise InvalidFields(errors)


def _describe_aspect(size: tuple[int, int], expected: tuple[int, int]) -> str:
    return (
        f"This picture is {size[1]}×{size[0]} pixels and must have the aspect ratio of its image, "
        f"which is {expected[1]}×{expected[0]}."
    )


def _make_inputs(files: dict[str, list[Path]]) -> Inputs[Path]:
    several = {n: tuple(each) for n, each in files.items() if PICTURE_FIELDS[n].most > 1}
    single = {n: each[0] for n, each in files.items() if PICTURE_FIELDS[n].most == 1 and each}
    return Inputs(**several, **single)  # type: ignore[arg-type]  # one kind of field each


def _save(upload: UploadFile, target: Path) -> None:
    upload.file.seek(0)
    with target.open("wb") as out:
        copyfileobj(upload.file, out, 1 << 20)


def _compute_fingerprint(form: FormData) -> str:
    """Identifies the form: a digest of every field and file, in order."""
    whole = sha256()
    for name, value in form.multi_items():
        digest = _digest_file(value) if isinstance(value, UploadFile) else _digest_text(value)
        whole.update(_digest_text(name) + digest)
    return whole.hexdigest()


def _digest_file(upload: UploadFile) -> bytes:
    upload.file.seek(0)
    return file_digest(upload.file, "sha256").digest()  # type: ignore[arg-type]  # a binary file


def _digest_text(text: str) -> bytes:
    return sha256(text.encode()).digest()
