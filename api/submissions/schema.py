"""The schemas of a submission for OpenAPI: as a form, and as JSON."""

from typing import Any

from api.submissions.form import TEXT_FIELDS, Kind, get_picture_limit
from api.submissions.pairs import PAIRED_FIELDS
from pastiche.job_settings import JOB_ID_PATTERN, JOB_SETTINGS
from pastiche.option_type import Option
from pastiche.option_values import Schema
from pastiche.options import OPTIONS
from shared.inputs import PICTURE_FIELDS

_OPTIONS = {**OPTIONS, **JOB_SETTINGS}

_KINDS = (
    "JPEG, PNG, WebP or AVIF. Instead of a file it may be a text: an `https://` URL, which is "
    "fetched, a data URI in base64, `picture:<id>` of an uploaded picture, a style such as "
    "`example:wave`, or the photograph `example:harbour`."
)

_PICTURES_GROUP = "Pictures"

_EXAMPLES: dict[Kind, dict[str, Any]] = {
    "job": {"content": "example:harbour", "style": "example:wave", "preset": "draft"},
    "sweep": {
        "content": "example:harbour",
        "style": "example:wave",
        "style_weight": [0.1, 0.5, 0.9],
        "preset": "draft",
    },
    "batch": {
        "content": ["example:harbour", "example:still_life"],
        "style": ["example:wave", "example:swirls"],
        "preset": "draft",
    },
}
"""Examples in JSON, in which pictures need no files."""


def request_body(kind: Kind) -> dict[str, Any]:
    """The request body of a submission of this kind."""
    return {
        "required": True,
        "description": "As JSON, which names its pictures, or as a form (`multipart/form-data`), "
        "which may send them as files.",
        "content": {
            "multipart/form-data": {"schema": _form_schema(kind)},
            "application/json": {"schema": _json_schema(kind), "example": _EXAMPLES[kind]},
        },
    }


def _form_schema(kind: Kind) -> Schema:
    options = {
        name: option.sweep_schema() if kind != "job" and option.sweep else option.form_schema()
        for name, option in _OPTIONS.items()
    }
    file = {"type": "string", "format": "binary"}
    pictures = {
        name: file if limit == 1 else _list_of(file, limit)
        for name, limit in _list_pictures(kind).items()
    }
    return _object_schema(kind, pictures, options)


def _json_schema(kind: Kind) -> Schema:
    options = {name: _value_schema(option, kind) for name, option in _OPTIONS.items()}
    text = {"type": "string", "minLength": 1}
    pictures = {
        name: text if limit == 1 else {"anyOf": [text, _list_of(text, limit)]}
        for name, limit in _list_pictures(kind).items()
    }
    return _object_schema(kind, pictures, options)


def _list_pictures(kind: Kind) -> dict[str, int]:
    """The picture fields of a submission, and how many pictures each may have."""
    names = PAIRED_FIELDS if kind == "batch" else PICTURE_FIELDS
    return {name: get_picture_limit(name, kind) for name in names}


def _object_schema(kind: Kind, pictures: dict[str, Schema], options: dict[str, Schema]) -> Schema:
    start = options["start"]
    if kind == "batch":
        start["enum"] = [choice for choice in start["enum"] if choice != "image"]
        del options["pictures_of"]
    else:
        choices = {key: start.pop(key) for key in ("type", "enum")}
        start["anyOf"] = [choices, {"type": "string", "pattern": JOB_ID_PATTERN}]
        start["description"] += " Or the id of an earlier job, to start from its result."
    meanings = {name: PICTURE_FIELDS[name].description for name in pictures}
    if kind == "batch":
        other = {"content": "style", "style": "content"}
        meanings = {
            name: f"The {name} images. Each is used with every {other[name]} image."
            for name in pictures
        }
    described = {
        name: schema | {"description": f"{meanings[name]} {_KINDS}", "x-group": _PICTURES_GROUP}
        for name, schema in pictures.items()
    }
    grouped = {
        name: options[name] | {"x-group": _OPTIONS[name].group}
        for name in TEXT_FIELDS
        if name in options
    }
    return {
        "type": "object",
        "title": "Submission",
        "properties": described | grouped,
        "additionalProperties": False,
        # Otherwise the earlier job that `pictures_of` or `start` names may have them.
        **({"required": list(PAIRED_FIELDS)} if kind == "batch" else {}),
    }


def _value_schema(option: Option, kind: Kind) -> Schema:
    """The schema of an option in JSON. In a sweep, it may be a list of values; a default that is a
    list, or none, is left to the description."""
    schema, value = option.json_schema(), option.type.json_schema()
    if option.default is None or option.type.is_list:
        del schema["default"]
    if kind == "job" or not option.sweep:
        return schema
    described = {name: each for name, each in schema.items() if name not in value}
    return described | {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}


def _list_of(picture: Schema, limit: int) -> Schema:
    return {"type": "array", "items": picture, "maxItems": limit}
