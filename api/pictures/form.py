"""The form of `POST /pictures`: a file and its name."""

import re
from typing import Any, NamedTuple

from starlette.datastructures import FormData

from api.http.files import Upload, check_upload, is_blank
from api.http.problems import unknown_field_error
from shared.errors import FieldError, InvalidFields
from shared.settings import Settings

MAX_NAME_LENGTH = 100

_NAME = re.compile(r"[^\x00-\x1f\x7f]*")
NAME_PATTERN = f"^{_NAME.pattern}$"

_FIELDS = ("picture", "name")


class PictureForm(NamedTuple):
    """A valid form.

    Attributes:
        name: '' if it has none.
    """

    upload: Upload
    name: str


def parse_form(form: FormData, settings: Settings) -> PictureForm:
    """The file and its name.

    Raises:
        InvalidFields: names every invalid field.
    """
    items = [(name, value) for name, value in form.multi_items() if not is_blank(value)]
    names = [name for name, _ in items]
    values = dict(items)
    checks = [_check_field(name, names.count(name)) for name in dict.fromkeys(names)]
    checks += [_check_picture(values.get("picture"), settings), _check_name(values.get("name"))]
    errors = [error for error in checks if error is not None]
    if errors:
        is_too_large = all(error.code == "file_too_large" for error in errors)
        raise InvalidFields(errors, status=413 if is_too_large else 422)
    upload, name = values["picture"], values.get("name", "")
    assert isinstance(upload, Upload)
    assert isinstance(name, str)
    return PictureForm(upload, name.strip())


def _check_field(name: str, count: int) -> FieldError | None:
    if name not in _FIELDS:
        return unknown_field_error(name, _FIELDS)
    if count > 1:
        return FieldError(name, "repeated_field", "This field may be given only once.")
    return None


def _check_picture(value: object, settings: Settings) -> FieldError | None:
    if value is None:
        return FieldError("picture", "missing_file", "A picture is needed.")
    if not isinstance(value, Upload):
        return FieldError("picture", "not_a_file", "Send this field as a file.")
    return check_upload("picture", value, settings)


def _check_name(value: object) -> FieldError | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return FieldError("name", "not_text", "This field is text, not a file.")
    if len(value) > MAX_NAME_LENGTH or not _NAME.fullmatch(value):
        sentence = f"A name has at most {MAX_NAME_LENGTH} characters, no control characters."
        return FieldError("name", "invalid_value", sentence)
    return None


def form_schema() -> dict[str, Any]:
    """The form as an OpenAPI request body."""
    schema = {
        "type": "object",
        "title": "PictureUpload",
        "properties": {
            "picture": {
                "type": "string",
                "format": "binary",
                "description": "The picture: JPEG, PNG, WebP or AVIF.",
            },
            "name": {
                "type": "string",
                "maxLength": MAX_NAME_LENGTH,
                "pattern": NAME_PATTERN,
                "description": "Its name, with which it is also listed as a style.",
            },
        },
        "required": ["picture"],
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
