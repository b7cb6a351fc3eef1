"""A submission in JSON: the fields of the form, each value with its type, pictures as texts."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from api.http.files import MAX_TEXT_BYTES, DataUri
from api.http.problems import unknown_field_error
from api.http.upload_space import UploadFolder
from api.submissions.form import Kind, get_picture_limit
from api.submissions.json_reader import CUT_OFF, JsonNumber, JsonObject, JsonReader
from pastiche.job_settings import JOB_SETTINGS
from pastiche.option_type import Option
from pastiche.options import OPTIONS
from shared.errors import FieldError, InvalidFields, MalformedRequest
from shared.inputs import PICTURE_FIELDS

_OPTIONS: Mapping[str, Option] = {**OPTIONS, **JOB_SETTINGS}
_FIELDS = (*PICTURE_FIELDS, *_OPTIONS)

_MAX_FIELDS = 96

_KINDS = {
    str: "string",
    JsonNumber: "number",
    bool: "boolean",
    list: "array",
    JsonObject: "object",
}
"""By the type of a parsed value, its type in a JSON schema."""

_WORDS = "words"
"""Marks, among the types of an option, that its list has words, not numbers."""

LongTexts: TypeAlias = Mapping[str, DataUri | None]
"""The same as `JsonReader.long_texts`."""


async def parse_json(request: Request, folder: UploadFolder, kind: Kind) -> FormData:
    """The form that has the same values as a JSON object. Its fields are always in the same order,
    because the order in an object has no meaning.

    Args:
        folder: where the pictures in data URIs are written.
        kind: whether some options, and some pictures, may have several values.

    Raises:
        MalformedRequest: the body is not a JSON object, or it is cut off.
        InvalidFields: names every field that does not exist, comes twice, or has a value of another
            type.
        UploadsBusy: the other uploads leave too little space.
    """
    reader = JsonReader(folder.path)
    try:
        async for chunk in folder.count(request.stream()):
            await reader.feed(chunk)
    except ClientDisconnect as error:
        raise MalformedRequest(CUT_OFF) from error
    return _make_form(reader.finish(), reader.long_texts, kind)


class _InvalidValue(Exception):
    """A value is invalid for its field: a code, and a sentence."""


def _make_form(document: JsonObject, long_texts: LongTexts, kind: Kind) -> FormData:
    if len(document.items) > _MAX_FIELDS:
        raise MalformedRequest(f"The JSON cannot be read: it has more than {_MAX_FIELDS} fields.")
    values: dict[str, list[UploadFile | str]] = {}
    errors: list[FieldError] = []
    for name, value in document.items:
        if name in long_texts or not _is_unicode(name):
            raise MalformedRequest("The JSON cannot be read: a field name is invalid.")
        if name not in _FIELDS:
            errors.append(unknown_field_error(name, _FIELDS))
            continue
        if name in values:
            errors.append(FieldError(name, "repeated_field", "This field is given twice."))
        try:
            values[name] = [*_convert(name, value, long_texts, kind)]
        except _InvalidValue as invalid:
            values[name] = []
            errors.append(FieldError(name, *invalid.args))
    if errors:
        raise InvalidFields(errors)
    return FormData([(name, value) for name in sorted(values) for value in values[name]])


def _convert(
    name: str, value: Any, long_texts: LongTexts, kind: Kind
) -> Iterator[UploadFile | str]:
    """Converts a value in JSON to the values of the field in a form."""
    if value is None:
        return
    option = _OPTIONS.get(name)
    if option is None:
        has_several = get_picture_limit(name, kind) > 1
        for each in value if has_several and type(value) is list else [value]:
            if type(each) is not str:
                needed = "a string, or an array of strings" if has_several else "a string"
                raise _InvalidValue("invalid_value", f"This must be {needed}.")
            data_uri = long_texts.get(each)
            yield _check_text(each, long_texts) if data_uri is None else data_uri
        return
    kinds = _find_kinds(option, kind)
    text = _make_option_text(value, kinds)
    if text is None:
        raise _InvalidValue("invalid_value", f"This must be {option.type.requirement}.")
    yield _check_text(text, long_texts)


def _find_kinds(option: Option, kind: Kind) -> set[str]:
    """The JSON types that an option may have. An option that may have several values may be a list,
    or a text as in a form."""
    schema = option.type.json_schema()
    names = [variant["type"] for variant in schema.get("anyOf", [schema])]
    kinds = {"number" if name == "integer" else name for name in names}
    if option.type.is_list:
        kinds.add("string")
    if schema.get("items", {}).get("type") == "string":
        kinds.add(_WORDS)
    if kind != "job" and option.sweep:
        kinds |= {"string", "array"}
    return kinds


def _make_option_text(value: Any, kinds: Collection[str]) -> str | None:
    """The text of a value in a form; None if its type is not one of these, or its content has the
    wrong type."""
    if _KINDS.get(type(value)) not in kinds:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        item = str if _WORDS in kinds else JsonNumber
        is_valid = all(type(each) is item and "," not in each for each in value)
        return ",".join(value) if is_valid else None
    is_valid = all(
        type(number) is JsonNumber and not re.search("[:,]", name) for name, number in value.items
    )
    return ",".join(map(":".join, value.items)) if is_valid else None


def _check_text(text: str, long_texts: LongTexts) -> str:
    if text in long_texts or len(text) > MAX_TEXT_BYTES:
        sentence = f"This text is longer than {MAX_TEXT_BYTES} bytes."
        raise _InvalidValue("text_too_long", sentence)
    if not _is_unicode(text):
        raise _InvalidValue("invalid_value", "This text is not valid Unicode.")
    return text


def _is_unicode(text: str) -> bool:
    """Whether it can be encoded: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
