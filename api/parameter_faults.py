"""What pydantic finds wrong with a parameter or a JSON body, in the words of this API."""

from collections.abc import Mapping
from typing import Any

from api.schemas import Reweighing
from api.suggestions import unknown_field
from shared.errors import FieldError

_SENTENCES = {
    "int_type": "This must be a whole number",
    "int_parsing": "This must be a whole number",
    "int_from_float": "This must be a whole number",
    "float_type": "This must be a number",
    "float_parsing": "This must be a number",
    "finite_number": "This must be a number",
    "bool_type": "This must be true or false",
    "bool_parsing": "This must be true or false",
    "literal_error": "This must be {expected}",
    "greater_than_equal": "This must be at least {ge}",
    "less_than_equal": "This must be at most {le}",
    "value_error": "This {error}",
}
"""By pydantic's name for the fault, the sentence before “, not “…”.”; `{…}` is from its context."""

NOT_JSON = "The body is not valid JSON."

_FAULTS_OF_BODY = {
    "json_invalid": NOT_JSON,
    "model_attributes_type": "The body must be a JSON object.",
    "missing": "A JSON object is needed.",
}


def fault_of_parameter(error: Mapping[str, Any]) -> FieldError:
    """The fault of one parameter.

    Args:
        error: as pydantic and FastAPI describe it.
    """
    place, kind = error["loc"], error["type"]
    if place[0] == "body" and isinstance(error["input"], bytes):
        sentence = "Send the body as JSON, with `Content-Type: application/json`."
        return FieldError("body", "not_json", sentence)
    if place[0] == "body" and kind in _FAULTS_OF_BODY:
        return FieldError("body", "not_json", _FAULTS_OF_BODY[kind])
    name = str(place[-1])
    if kind == "extra_forbidden":
        return unknown_field(name, tuple(Reweighing.model_fields))
    if kind == "missing":
        return FieldError(name, "missing_value", "This value is needed.")
    if kind == "string_pattern_mismatch":
        return FieldError(name, "invalid_value", f"This has the wrong form: “{error['input']}”.")
    if kind not in _SENTENCES:
        return FieldError(name, "invalid_value", f"{error['msg']}.")
    context = {name: str(value).replace("'", "") for name, value in error.get("ctx", {}).items()}
    sentence = _SENTENCES[kind].format(**context)
    given = error["input"]
    shown = str(given).lower() if isinstance(given, bool) else given
    return FieldError(name, "invalid_value", f"{sentence}, not “{shown}”.")
