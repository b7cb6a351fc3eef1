"""The schemas of a submission for OpenAPI: as a form, and as JSON."""

from typing import Any

from api.submissions.form import TEXT_FIELDS
from pastiche.job_settings import JOB_ID_PATTERN, JOB_SETTINGS
from pastiche.option_type import Option
from pastiche.option_values import Schema
from pastiche.options import OPTIONS
from shared.inputs import PICTURE_FIELDS, PictureField

_OPTIONS = {**OPTIONS, **JOB_SETTINGS}

_KINDS = (
    "JPEG, PNG, WebP or AVIF. Instead of a file it may be a text: an `https://` URL, which is "
    "fetched, a data URI in base64, `picture:<id>` of an uploaded picture, or a style such as "
    "`example:wave`."
)


def request_body(*, is_sweep: bool = False) -> dict[str, Any]:
    """The request body of a submission, with several values for some options in a sweep."""
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _form_schema(is_sweep)},
            "application/json": {"schema": _json_schema(is_sweep)},
        },
    }


def _form_schema(is_sweep: bool) -> Schema:
    options = {
        name: option.sweep_schema() if is_sweep and option.sweep else option.form_schema()
        for name, option in _OPTIONS.items()
    }
    file = {"type": "string", "format": "binary"}
    pictures = {
        name: file if field.most == 1 else _list_of(file, field)
        for name, field in PICTURE_FIELDS.items()
    }
    return _object_schema(pictures, options)


def _json_schema(is_sweep: bool) -> Schema:
    options = {name: _value_schema(option, is_sweep) for name, option in _OPTIONS.items()}
    text = {"type": "string", "minLength": 1}
    pictures = {
        name: text if field.most == 1 else {"anyOf": [text, _list_of(text, field)]}
        for name, field in PICTURE_FIELDS.items()
    }
    return _object_schema(pictures, options)


def _object_schema(pictures: dict[str, Schema], options: dict[str, Schema]) -> Schema:
    start = options["start"]
    choices = {key: start.pop(key) for key in ("type", "enum")}
    start["anyOf"] = [choices, {"type": "string", "pattern": JOB_ID_PATTERN}]
    start["description"] += " Or the id of an earlier job, to start from its result."
    described = {
        name: schema | {"description": f"{PICTURE_FIELDS[name].description} {_KINDS}"}
        for name, schema in pictures.items()
    }
    return {
        "type": "object",
        "title": "Submission",
        "properties": described | {name: options[name] for name in TEXT_FIELDS},
        "required": [name for name, field in PICTURE_FIELDS.items() if field.required],
        "additionalProperties": False,
    }


def _value_schema(option: Option, is_sweep: bool) -> Schema:
    """The schema of an option in JSON. In a sweep, it may be a list of values; a default that is a
    list, or none, is left to the description."""
    schema, value = option.json_schema(), option.type.json_schema()
    if option.default is None or option.type.is_list:
        del schema["default"]
    if not (is_sweep and option.sweep):
        return schema
    described = {name: each for name, each in schema.items() if name not in value}
    return described | {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}


def _list_of(picture: Schema, field: PictureField) -> Schema:
    return {"type": "array", "items": picture, "maxItems": field.most}
