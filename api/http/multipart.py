"""Reads a multipart form in little memory: files go to a folder, texts are short."""

from pathlib import Path

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.http.files import MAX_TEXT_BYTES, DataUri, Upload, is_data_uri
from api.http.upload_space import UploadFolder
from shared.errors import FieldError, InvalidFields, MalformedRequest
from shared.inputs import PICTURE_FIELDS

_MAX_PARTS = 96

_CUT_OFF = "The form cannot be read: it is cut off."


async def parse_multipart(request: Request, folder: UploadFolder) -> FormData:
    """The texts and the files of a form.

    Args:
        folder: where its files are written.

    Raises:
        MalformedRequest: it is not a form, or it is cut off.
        InvalidFields: a text is too long.
        UploadsBusy: the other uploads leave too little space.
    """
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


class _Parser(MultiPartParser):
    def __init__(self, request: Request, folder: UploadFolder) -> None:
        super().__init__(
            request.headers,
            folder.count(request.stream()),
            max_files=_MAX_PARTS,
            max_fields=_MAX_PARTS,
            max_part_size=MAX_TEXT_BYTES,
        )
        self._folder = folder.path
        self.has_ended = False

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None:
            part.file = Upload(self._next_path(), part.file.filename)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        try:
            super().on_part_data(data, start, end)
        except MultiPartException as error:
            part = self._current_part
            text = bytes(part.data) + data[start:end]
            if part.field_name not in PICTURE_FIELDS or not is_data_uri(text):
                sentence = f"This text is longer than {MAX_TEXT_BYTES} bytes."
                field_error = FieldError(part.field_name, "text_too_long", sentence)
                raise InvalidFields([field_error]) from error
            # A data URI may be as long as a file: it is written like one from here on.
            part.file = DataUri(self._next_path())
            self._file_parts_to_write.append((part, text))

    def on_end(self) -> None:
        self.has_ended = True

    def _next_path(self) -> Path:
        return self._folder / f"{len(self.items)}.upload"
