"""Parses a JSON object while it arrives, in little memory.

Its long texts, which are data URIs, are written to files; the rest is short, and parsed at once.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from api.http.files import MAX_TEXT_BYTES, DataUri, is_data_uri
from shared.errors import MalformedRequest

_MAX_REST_BYTES = 256 * 1024
_MAX_LONG_TEXTS = 96

CUT_OFF = "The JSON cannot be read: it is cut off."

_INSIDE_TEXT = re.compile(rb'[^"\\]*(?:\\(?:u[0-9A-Fa-f]{4}|[^u])[^"\\]*)*', re.DOTALL)
"""The inside of a JSON string, up to its last complete escape."""

_LONGEST_ESCAPE = len(rb"\u0000")


class JsonNumber(str):
    """A number as it is written: it is parsed like one in a form."""


class JsonConstant(str):
    """NaN, Infinity or -Infinity, which are not JSON."""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """The names and values of an object, in which a name may come twice."""

    items: list[tuple[str, Any]]


class JsonReader:
    """Separates long texts from the rest while a body arrives. In the rest, each of them is
    replaced by a text that no client can guess.

    Args:
        folder: where data URIs are written.

    Attributes:
        long_texts: by the texts that replace them; None for one that is not a data URI.
    """

    def __init__(self, folder: Path) -> None:
        self.long_texts: dict[str, DataUri | None] = {}
        self._folder = folder
        self._token = token_hex(16)
        self._rest = bytearray()
        self._is_inside = False
        self._text_start = 0  # where the current text begins in the rest
        self._long: str | None = None  # what replaces the current text, if it is long
        self._held = b""  # the beginning of an escape

    async def feed(self, chunk: bytes) -> None:
        """Reads the next part of the body.

        Raises:
            MalformedRequest: it is not JSON, or too large without its data URIs.
        """
        data, self._held = self._held + chunk, b""
        position = 0
        while position < len(data):
            if not self._is_inside:
                quote = data.find(b'"', position)
                end = len(data) if quote < 0 else quote + 1
                self._add_to_rest(data[position:end])
                self._is_inside = quote >= 0
                self._text_start, position = len(self._rest), end
                continue
            end = _find_end(data, position)
            await self._add_to_text(data[position:end])
            position = end
            if data.startswith(b'"', end):
                self._end_text()
                position += 1
            elif end < len(data):
                self._held = self._hold(data[end:])
                return

    def finish(self) -> JsonObject:
        """The object in the body.

        Raises:
            MalformedRequest: the body is not an object, or it is cut off.
        """
        if self._is_inside or self._held:
            raise MalformedRequest(CUT_OFF)
        try:
            document = json.loads(
                self._rest.decode("utf-8-sig"),
                object_pairs_hook=JsonObject,
                parse_int=JsonNumber,
                parse_float=JsonNumber,
                parse_constant=JsonConstant,
            )
        except json.JSONDecodeError as error:
            raise MalformedRequest(f"The JSON cannot be read: {error.msg}.") from error
        except UnicodeDecodeError as error:
            raise MalformedRequest("The JSON cannot be read: it is not in UTF-8.") from error
        except RecursionError as error:
            raise MalformedRequest("The JSON cannot be read: it is nested too deeply.") from error
        if not isinstance(document, JsonObject):
            raise MalformedRequest("The body must be a JSON object.")
        return document

    def _add_to_rest(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > _MAX_REST_BYTES:
            kilobytes = _MAX_REST_BYTES // 1024
            sentence = f"Besides its data URIs, the JSON may have at most {kilobytes} kB."
            raise MalformedRequest(sentence)

    async def _add_to_text(self, data: bytes) -> None:
        if self._long is None:
            if len(self._rest) - self._text_start + len(data) <= MAX_TEXT_BYTES:
                self._add_to_rest(data)
                return
            data = bytes(self._rest[self._text_start :]) + data
            del self._rest[self._text_start :]
            self._long = self._begin_long_text(_unescape(data))
        data_uri = self.long_texts[self._long]
        if data_uri is not None:
            await data_uri.write(_unescape(data))

    def _begin_long_text(self, beginning: bytes) -> str:
        """Begins a long text, and returns what replaces it in the rest."""
        if len(self.long_texts) == _MAX_LONG_TEXTS:
            raise MalformedRequest("The JSON cannot be read: it has too many long strings.")
        name = f"{self._token}-{len(self.long_texts)}"
        path = self._folder / f"{len(self.long_texts)}.upload"
        self.long_texts[name] = DataUri(path) if is_data_uri(beginning) else None
        return name

    def _end_text(self) -> None:
        self._rest += b'"' if self._long is None else f'{self._long}"'.encode()
        self._is_inside, self._long = False, None

    def _hold(self, escape: bytes) -> bytes:
        if len(escape) >= _LONGEST_ESCAPE:
            raise MalformedRequest("The JSON cannot be read: a string has an invalid escape.")
        return escape


def _find_end(data: bytes, start: int) -> int:
    """The end of a text in `data`, or of its last complete escape if the text continues."""
    quote = data.find(b'"', start)
    end = len(data) if quote < 0 else quote
    if data.find(b"\\", start, end) < 0:
        return end
    inside = _INSIDE_TEXT.match(data, start)
    assert inside is not None
    return inside.end()


def _unescape(text: bytes) -> bytes:
    """Decodes the escapes in a part of a long text. What is not ASCII becomes a question mark: it
    cannot be base64."""
    if b"\\" not in text:
        return text
    try:
        unescaped = json.loads(f'"{text.decode("ascii", "replace")}"', strict=False)
    except json.JSONDecodeError as error:
        sentence = "The JSON cannot be read: a string has an invalid escape."
        raise MalformedRequest(sentence) from error
    assert isinstance(unescaped, str)
    return unescaped.encode("ascii", "replace")
