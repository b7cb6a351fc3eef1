"""Parses an untrusted multipart form in little memory: files go to disk, texts are short."""

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from shared.errors import FieldError, InvalidFields, MalformedRequest, WrongContentType

_MAX_PARTS = 96
_MAX_TEXT_BYTES = 16 * 1024
_IN_MEMORY_BYTES = 64 * 1024
"""Of each file; the rest of it is on disk while it arrives."""

_CUT_OFF = "The form cannot be read: it is cut off."
_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii")


async def parse_form(request: Request) -> FormData:
    """The form in a request, to be closed by the caller.

    Raises:
        WrongContentType: the body is not multipart/form-data, or not in UTF-8.
        MalformedRequest: it cannot be parsed as that.
        InvalidFields: a text is longer than any option.
    """
    _check_content_type(request.headers)
    parser = _Parser(request)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedRequest(f"The form cannot be read: {error.message}") from error
    except ClientDisconnect as error:
        raise MalformedRequest(_CUT_OFF) from error
    if not parser.has_ended:
        await form.close()
        raise MalformedRequest(_CUT_OFF)
    return form


def _check_content_type(headers: Headers) -> None:
    media_type, parameters = parse_options_header(headers.get("content-type", ""))
    if media_type.strip() != b"multipart/form-data":
        raise WrongContentType("Send the pictures and options as multipart/form-data.")
    # Python has encodings that fail in odd ways or give text that cannot be encoded again, and
    # caches every name that it is ever given.
    if parameters.get(b"charset", b"utf-8").strip().lower() not in _ENCODINGS:
        raise WrongContentType("Send the form in UTF-8.")


class _Parser(MultiPartParser):
    spool_max_size = _IN_MEMORY_BYTES

    def __init__(self, request: Request) -> None:
        super().__init__(
            request.headers,
            request.stream(),
            max_files=_MAX_PARTS,
            max_fields=_MAX_PARTS,
            max_part_size=_MAX_TEXT_BYTES,
        )
        self.has_ended = False

    def on_end(self) -> None:
        self.has_ended = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        try:
            super().on_part_data(data, start, end)
        except MultiPartException as error:
            sentence = f"This text is longer than {_MAX_TEXT_BYTES} bytes."
            field = self._current_part.field_name
            raise InvalidFields([FieldError(field, "text_too_long", sentence)]) from error
