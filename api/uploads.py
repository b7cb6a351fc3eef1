"""Multipart in, validated options and normalised pictures out; nothing stays behind of the rest."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

from anyio import to_thread
from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.decoder import Decoder
from pastiche.options import OptionError, Options, wanted
from shared.errors import FieldError, InvalidFields, MalformedRequest, WrongContentType
from shared.job_options import JobOptions
from shared.settings import Settings

PICTURES = ("content", "style")
"""The fields that are files, in the order that their faults are told."""

_MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for: valid options, and its pictures as normalised PNG files."""

    options: dict[str, Any]
    content: Path
    style: Path


@asynccontextmanager
async def received(
    request: Request, settings: Settings, decoder: Decoder
) -> AsyncIterator[Submission]:
    """The submission in a request; its files live as long as the context.

    Raises:
        WrongContentType: the body is not multipart/form-data.
        MalformedRequest: it says that it is, and cannot be read as such.
        InvalidFields: every field at fault, with what is wrong with it.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise WrongContentType("Send the pictures and options as multipart/form-data.")
    form = await _form(request)
    try:
        options = _options(form, settings)
        with TemporaryDirectory(prefix="pastiche-upload-") as folder:
            files = await _normalised(form, Path(folder), decoder)
            yield Submission(options, files["content"], files["style"])
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    try:
        return await request.form(max_files=_MOST_PARTS, max_fields=_MOST_PARTS)
    except HTTPException as error:
        raise MalformedRequest(f"The form cannot be read: {error.detail}") from error


def _options(form: FormData, settings: Settings) -> dict[str, Any]:
    texts = {name: value for name, value in form.items() if name not in PICTURES}
    errors = [*_faults_of_shape(form), *_faults_of_files(form, settings)]
    known = {name: text for name, text in texts.items() if name in JobOptions.model_fields}
    try:
        options = asdict(Options(**JobOptions.model_validate(known).model_dump()))
    except ValidationError as error:
        errors += [_fault_of_value(str(each["loc"][0]), each["input"]) for each in error.errors()]
    except OptionError as error:
        errors.append(FieldError(error.field, "invalid_value", f"This {error.sentence}"))
    else:
        if options["size"] > settings.max_size_pixels:
            sentence = f"At most {settings.max_size_pixels} pixels can be painted here."
            errors.append(FieldError("size", "size_too_large", sentence))
    if errors:
        too_large = all(error.code == "file_too_large" for error in errors)
        raise InvalidFields(errors, status=413 if too_large else 422)
    return options


def _faults_of_shape(form: FormData) -> list[FieldError]:
    """Fields that nobody knows, that come twice, or that are a file where text is meant."""
    names = [name for name, _ in form.multi_items()]
    errors = []
    for name in dict.fromkeys(names):
        if name not in PICTURES and name not in JobOptions.model_fields:
            fields = ", ".join((*PICTURES, *JobOptions.model_fields))
            sentence = f"There is no such field. The fields are {fields}."
            errors.append(FieldError(name, "unknown_field", sentence))
        elif names.count(name) > 1:
            errors.append(FieldError(name, "repeated_field", "This field may be given only once."))
        elif name not in PICTURES and isinstance(form[name], UploadFile):
            errors.append(FieldError(name, "not_text", "This field is text, not a file."))
    return errors


def _faults_of_files(form: FormData, settings: Settings) -> list[FieldError]:
    """Pictures that are missing, empty, too large as files, or no files at all."""
    errors = []
    for name in PICTURES:
        upload = form.get(name)
        if upload is None:
            errors.append(FieldError(name, "missing_file", f"A {name} image is needed."))
        elif not isinstance(upload, UploadFile):
            errors.append(FieldError(name, "not_a_file", "Send this field as a file."))
        elif not upload.size:
            errors.append(FieldError(name, "empty_file", "This file is empty."))
        elif upload.size > settings.upload_limit_bytes:
            limit = settings.upload_limit_megabytes
            sentence = f"This file is larger than {limit} MB."
            errors.append(FieldError(name, "file_too_large", sentence))
    return errors


def _fault_of_value(name: str, value: object) -> FieldError:
    if isinstance(value, UploadFile):
        return FieldError(name, "not_text", "This field is text, not a file.")
    return FieldError(name, "invalid_value", f"This must be {wanted(name)}, not “{value}”.")


async def _normalised(form: FormData, folder: Path, decoder: Decoder) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    errors: list[tuple[FieldError, int]] = []
    for name in PICTURES:
        upload = form[name]
        assert isinstance(upload, UploadFile)
        source, target = folder / f"{name}.upload", folder / f"{name}.png"
        await to_thread.run_sync(_keep, upload, source)
        fault = await decoder.normalise(source, target)
        source.unlink()
        if fault is not None:
            errors.append((FieldError(name, fault.code, fault.detail), fault.status))
        files[name] = target
    if errors:
        statuses = {status for _, status in errors}
        status = statuses.pop() if len(statuses) == 1 else 422
        raise InvalidFields([error for error, _ in errors], status=status)
    return files


def _keep(upload: UploadFile, target: Path) -> None:
    upload.file.seek(0)
    with target.open("wb") as out:
        copyfileobj(upload.file, out, 1 << 20)
