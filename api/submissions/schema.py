"""The schema of a submission for OpenAPI."""

from typing import Any

from api.submissions.form import TEXT_FIELDS, Kind, get_picture_limit
from api.submissions.pairs import PAIRED_FIELDS
from pastiche.job_settings import JOB_ID_PATTERN, JOB_SETTINGS
from pastiche.options import OPTIONS
from shared.inputs import PICTURE_FIELDS


def request_body(kind: Kind) -> dict[str, Any]:
    """The request body of a submission."""
    texts = {
        name: option.sweep_schema() if kind != "job" and option.sweep else option.form_schema()
        for name, option in {**OPTIONS, **JOB_SETTINGS}.items()
    }
    pictures = tuple(PICTURE_FIELDS)
    start = texts["start"]
    if kind == "batch":
        pictures = PAIRED_FIELDS
        del texts["pictures_of"]
        start["enum"] = [choice for choice in start["enum"] if choice != "image"]
    else:
        choices = {key: start.pop(key) for key in ("type", "enum")}
        start["anyOf"] = [choices, {"type": "string", "pattern": JOB_ID_PATTERN}]
        start["description"] += " Or the id of an earlier job, to start from its result."
    schema = {
        "type": "object",
        "title": "Submission",
        "properties": {
            **{name: _picture_schema(name, kind) for name in pictures},
            **{name: texts[name] for name in TEXT_FIELDS if name in texts},
        },
        "required": [name for name, field in PICTURE_FIELDS.items() if field.required],
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _picture_schema(name: str, kind: Kind) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    meaning = PICTURE_FIELDS[name].description
    if kind == "batch":
        meaning = f"The {name} images."
    description = f"{meaning} JPEG, PNG, WebP or AVIF."
    limit = get_picture_limit(name, kind)
    if limit == 1:
        return file | {"description": description}
    return {"type": "array", "items": file, "maxItems": limit, "description": description}
