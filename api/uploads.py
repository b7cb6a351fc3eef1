"""Multipart in, validated options and normalised pictures out; nothing stays behind of the rest."""

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

from api.decoder import Decoder
from api.forms import form_of
from api.service import Service
from api.submission_options import (
    PICTURES_OF,
    Variant,
    normalised,
    option_names,
    pictures_job,
    start_job,
    variants_of,
    wishes_of,
)
from api.suggestions import unknown_field
from pastiche.sizes import same_aspect
from shared import tracing
from shared.blob_store import BlobStore
from shared.errors import FieldError, InvalidFields, PicturesLost
from shared.inputs import PICTURE_FIELDS, Inputs
from shared.job_options import Wishes
from shared.jobs import Job
from shared.pictures import size_of
from shared.settings import Settings

_OF_THE_STYLES = ("style", "style_mask", "mask")
"""What is taken from an earlier job together, or not at all: there are as many masks as styles."""

_OF_THE_CONTENT = ("content", "content_map")

_OF_THE_START = ("start_image",)
"""Taken only from the job that `pictures_of` names; `start` has its job's result in this place."""

EarlierJob = Callable[[str, str], Awaitable[Job]]
"""Gives the earlier job that a field names; raises InvalidFields where it is none, or has nothing
that this field asks for."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for: valid options, when it is to be painted, and its pictures as
    normalised PNG files.

    Attributes:
        variants: the options of each job; one for a single job.
        fingerprint: the same for the same form, and for no other.
    """

    variants: tuple[Variant, ...]
    wishes: Wishes
    pictures: Inputs[Path]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes submissions in.

    Attributes:
        scratch: a folder for pictures on their way in.
        axes: options that may have several values, one for each job of a sweep.
    """

    settings: Settings
    decoder: Decoder
    blobs: BlobStore
    scratch: Path
    axes: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: Service, axes: tuple[str, ...] = ()) -> "Receiver":
        return cls(service.settings, service.decoder, service.blobs, service.scratch, axes)

    @asynccontextmanager
    async def received(
        self, request: Request, earlier_job: EarlierJob
    ) -> AsyncIterator[Submission]:
        """The submission in a request; its files live as long as the context.

        Raises:
            WrongContentType: the body is not multipart/form-data, or not in UTF-8.
            MalformedRequest: it says that it is, and cannot be read as such.
            InvalidFields: every field at fault, with what is wrong with it.
            DecodersBusy: too many pictures came before.
            PicturesLost: the store no longer has an earlier job's picture.
        """
        sent = await form_of(request)
        try:
            form = normalised(sent, self.axes)
            taken = await _taken(form, earlier_job)
            variants, wishes = self._texts(form, taken)
            with TemporaryDirectory(dir=self.scratch) as name:
                folder = Path(name)
                with tracing.span("decode"):
                    files = await self._normalised(form, folder)
                for field, keys in taken.items():
                    files[field] = [
                        await self._fetched(field, key, folder / f"{field}-{index}.picture")
                        for index, key in enumerate(keys)
                    ]
                _check_aspects(files)
                fingerprint = await to_thread.run_sync(_fingerprint, form)
                yield Submission(variants, wishes, _inputs(files), fingerprint)
        finally:
            await sent.close()

    def _texts(
        self, form: FormData, taken: Mapping[str, list[str]]
    ) -> tuple[tuple[Variant, ...], Wishes]:
        """The options and wishes; InvalidFields names every fault that the form has."""
        counts = {name: len(form.getlist(name)) or len(taken.get(name, ())) for name in _PICTURES}
        variants, of_options = variants_of(form, counts, self.settings, self.axes)
        wishes, of_wishes = wishes_of(form, self.settings)
        of_form = [*_faults_of_shape(form), *_faults_of_files(form, taken, self.settings)]
        errors = [*of_form, *of_options, *of_wishes]
        if errors:
            too_large = all(error.code == "file_too_large" for error in errors)
            raise InvalidFields(errors, status=413 if too_large else 422)
        return variants, wishes

    async def _normalised(self, form: FormData, folder: Path) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = {name: [] for name in PICTURE_FIELDS}
        errors: list[tuple[FieldError, int]] = []
        for name, field in PICTURE_FIELDS.items():
            for index, upload in enumerate(form.getlist(name)):
                assert isinstance(upload, UploadFile)
                source, target = (
                    folder / f"{name}-{index}.{kind}" for kind in ("upload", "picture")
                )
                await to_thread.run_sync(_keep, upload, source)
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

    async def _fetched(self, field: str, key: str, target: Path) -> Path:
        """A picture of an earlier job: it was normalised then.

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


async def _taken(form: FormData, earlier_job: EarlierJob) -> dict[str, list[str]]:
    """The keys of what a job goes on with from earlier ones: the result of the one, and of the
    pictures of the other, or of the same, those that are not sent anew."""
    start, donor = start_job(form), pictures_job(form)
    taken: dict[str, list[str]] = {}
    earlier = None
    if start is not None:
        earlier = await earlier_job("start", start)
        assert earlier.result_key is not None
        taken["start_image"] = [earlier.result_key]
    groups = [_OF_THE_CONTENT, _OF_THE_STYLES]
    if donor is not None:
        earlier = await earlier_job(PICTURES_OF, donor)
        if form.get("start", "image") == "image":
            groups.append(_OF_THE_START)
    if earlier is None:
        return taken
    pictures = earlier.inputs.by_field()
    for group in groups:
        if not any(form.getlist(name) for name in group):
            taken |= {name: pictures[name] for name in group if pictures[name]}
    return taken


def _faults_of_shape(form: FormData) -> list[FieldError]:
    """Fields that nobody knows, that come too often, or that are a file where text is meant."""
    names = [name for name, _ in form.multi_items()]
    known = (*PICTURE_FIELDS, *option_names())
    errors = []
    for name in dict.fromkeys(names):
        most = PICTURE_FIELDS[name].most if name in PICTURE_FIELDS else 1
        if name not in known:
            errors.append(unknown_field(name, known))
        elif names.count(name) > most:
            often = "once" if most == 1 else f"{most} times"
            sentence = f"This field may be given only {often}."
            errors.append(FieldError(name, "repeated_field", sentence))
        elif name not in PICTURE_FIELDS and isinstance(form[name], UploadFile):
            errors.append(FieldError(name, "not_text", "This field is text, not a file."))
    return errors


def _faults_of_files(
    form: FormData, taken: Mapping[str, list[str]], settings: Settings
) -> list[FieldError]:
    """Pictures that are missing, empty, too large as files, or no files at all."""
    errors = []
    for name, field in PICTURE_FIELDS.items():
        uploads = form.getlist(name)
        if field.required and not uploads and name not in taken:
            errors.append(FieldError(name, "missing_file", f"A {name} image is needed."))
        if uploads and name == "start_image" and name in taken:
            sentence = "Send this picture, or let `start` name a job: not both."
            errors.append(FieldError(name, "repeated_field", sentence))
        faults = (_fault_of_file(name, upload, settings) for upload in uploads)
        errors += [fault for fault in faults if fault is not None][:1]
    return errors


def _fault_of_file(name: str, upload: UploadFile | str, settings: Settings) -> FieldError | None:
    if not isinstance(upload, UploadFile):
        return FieldError(name, "not_a_file", "Send this field as a file.")
    if not upload.size:
        return FieldError(name, "empty_file", "This file is empty.")
    if upload.size > settings.upload_limit_bytes:
        limit = settings.upload_limit_megabytes
        return FieldError(name, "file_too_large", f"This file is larger than {limit} MB.")
    return None


def _check_aspects(files: dict[str, list[Path]]) -> None:
    """Raises InvalidFields where a mask or a start has another aspect ratio than its image."""
    of_content = ("mask", "content_map", "start_image")
    pairs = [(name, each, files["content"][0]) for name in of_content for each in files[name]]
    pairs += [
        ("style_mask", mask, style)
        for mask, style in zip(files["style_mask"], files["style"], strict=False)
    ]
    errors = [
        FieldError(name, "wrong_aspect", _aspect_sentence(size_of(picture), size_of(image)))
        for name, picture, image in pairs
        if not same_aspect(size_of(picture), size_of(image))
    ]
    if errors:
        raise InvalidFields(errors)


def _aspect_sentence(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    return (
        f"This picture is {size[1]}×{size[0]} pixels and must have the aspect ratio of its image, "
        f"which is {wanted[1]}×{wanted[0]}."
    )


def _inputs(files: dict[str, list[Path]]) -> Inputs[Path]:
    several = {n: tuple(each) for n, each in files.items() if PICTURE_FIELDS[n].most > 1}
    single = {n: each[0] for n, each in files.items() if PICTURE_FIELDS[n].most == 1 and each}
    return Inputs(**several, **single)  # type: ignore[arg-type]  # one kind of field each


def _keep(upload: UploadFile, target: Path) -> None:
    upload.file.seek(0)
    with target.open("wb") as out:
        copyfileobj(upload.file, out, 1 << 20)


def _fingerprint(form: FormData) -> str:
    """Of every field and file, in their order."""
    whole = sha256()
    for name, value in form.multi_items():
        digest = _digest(value) if isinstance(value, UploadFile) else _of_text(value)
        whole.update(_of_text(name) + digest)
    return whole.hexdigest()


def _digest(upload: UploadFile) -> bytes:
    upload.file.seek(0)
    return file_digest(upload.file, "sha256").digest()  # type: ignore[arg-type]  # a binary file


def _of_text(text: str) -> bytes:
    return sha256(text.encode()).digest()
