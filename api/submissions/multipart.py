"""Reads a multipart form: texts, and files that are written once, as they arrive."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

from anyio import to_thread
from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from shared.errors import FieldError, InvalidFields, MalformedRequest, WrongContentType
from shared.settings import Settings

_MAX_PARTS = 96
_MAX_TEXT_BYTES = 16 * 1024
_BUFFER_BYTES = 64 * 1024

_CUT_OFF = "The form cannot be read: it is cut off."
_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii")


def check_content_type(headers: Headers) -> None:
    media_type, parameters = parse_options_header(headers.get("content-type", ""))
    if media_type.strip() != b"multipart/form-data":
        raise WrongContentType("Send the pictures and options as multipart/form-data.")
    # Python has encodings that fail in odd ways or give text that cannot be encoded again, and
    # caches every name that it is ever given.
    if parameters.get(b"charset", b"utf-8").strip().lower() not in _ENCODINGS:
        raise WrongContentType("Send the form in UTF-8.")


async def parse_multipart(request: Request, folder: Path) -> FormData:
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


def is_blank(value: UploadFile | str) -> bool:
    """Whether a browser sends this for a field that was left blank: an empty text, or a file
    without a name and content."""
    if isinstance(value, str):
        return not value.strip()
    return not value.filename and not value.size


def check_upload(field: str, upload: UploadFile, settings: Settings) -> FieldError | None:
    """What is wrong with the size of a file, if anything is."""
    if not upload.size:
        return FieldError(field, "empty_file", "This file is empty.")
    if upload.size > settings.upload_limit_bytes:
        limit = settings.upload_limit_megabytes
        return FieldError(field, "file_too_large", f"This file is larger than {limit} MB.")
    return None


class Upload(UploadFile):
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
            part.file = Upload(path, part.file.filename)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        try:
            super().on_part_data(data, start, end)
        except MultiPartException as error:
            sentence = f"This text is longer than {_MAX_TEXT_BYTES} bytes."
            field = self._current_part.field_name
            raise InvalidFields([FieldError(field, "text_too_long", sentence)]) from error

    def on_end(self) -> None:
        self.has_ended = True
