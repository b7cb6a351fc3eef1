"""Every error as problem+json (RFC 9457): our own, the framework's and unexpected ones."""

import errno
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError as BlobStoreError
from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from pastiche.options import OptionError
from shared.blob_store import BlobStoreFailed
from shared.errors import (
    FIELD_ERRORS,
    FieldError,
    InvalidFields,
    PasticheError,
    RedisUnavailable,
    StorageFull,
    StorageUnavailable,
    list_errors,
)

log = logging.getLogger(__name__)

RETRY_SECONDS = 5

_SENTENCES = {
    "int_type": "This must be a whole number",
    "int_parsing": "This must be a whole number",
    "int_from_float": "This must be a whole number",
    "bool_type": "This must be true or false",
    "bool_parsing": "This must be true or false",
    "literal_error": "This must be {expected}",
    "greater_than_equal": "This must be at least {ge}",
    "less_than_equal": "This must be at most {le}",
    "value_error": "This {error}",
}
"""By pydantic's name for the error, what precedes “, not “…”.”; `{…}` is from its context."""

_INVALID_JSON = "The body is not valid JSON."

_BODY_SENTENCES = {
    "json_invalid": _INVALID_JSON,
    "dict_type": "The body must be a JSON object.",
    "missing": "A JSON object is needed.",
}


_FRAMEWORK_CODES = ("not_found", "method_not_allowed", "internal_error")


def list_codes(codes: Iterable[str]) -> JsonDict:
    """The known values of a `code`, for its schema. The type stays a string, because a client must
    also read the codes of a newer service."""
    return {"x-extensible-enum": list(codes)}


_PROBLEM_CODES = (*dict.fromkeys(error.code for error in list_errors()), *_FRAMEWORK_CODES)


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    code: str = Field(json_schema_extra=list_codes(FIELD_ERRORS))
    detail: str


class Problem(BaseModel):
    """What went wrong, for programs (`code`) and for people (`detail`)."""

    type: str = Field(description="`urn:pastiche:problem:` and the code.")
    title: str
    status: int = Field(description="The HTTP status.")
    detail: str
    code: str = Field(json_schema_extra=list_codes(_PROBLEM_CODES))
    errors: list[FieldProblem] = Field(
        default_factory=list, description="The invalid fields, if any."
    )


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        # A problem quotes what was sent: JSON can have half a surrogate pair, but UTF-8 cannot.
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint responds with, for its OpenAPI entry."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {ProblemResponse.media_type: {"schema": schema}},
        }
        for status in statuses
    }


def caller_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for an endpoint that authenticates its caller and reads records."""
    return describe_problems(401, 403, 429, 500, 503, *statuses)


def describe_parameter_error(error: Mapping[str, Any]) -> FieldError:
    """Describes an invalid parameter or JSON body in the words of this API.

    Args:
        error: as pydantic and FastAPI describe it.
    """
    place, kind = error["loc"], error["type"]
    if place[0] == "body" and isinstance(error["input"], bytes):
        sentence = "Send the body as JSON, with `Content-Type: application/json`."
        return FieldError("body", "not_json", sentence)
    if place[0] == "body" and kind in _BODY_SENTENCES:
        return FieldError("body", "not_json", _BODY_SENTENCES[kind])
    name = str(place[-1])
    if kind == "missing":
        return FieldError(name, "missing_value", "This value is needed.")
    if kind == "string_pattern_mismatch":
        return FieldError(name, "invalid_value", f"This has the wrong form: “{error['input']}”.")
    if kind == "extra_forbidden":
        return FieldError(name, "unknown_field", "This field does not exist.")
    if kind not in _SENTENCES:
        return FieldError(name, "invalid_value", f"{error['msg']}.")
    context = {name: str(value).replace("'", "") for name, value in error.get("ctx", {}).items()}
    sentence = _SENTENCES[kind].format(**context)
    given = error["input"]
    shown = str(given).lower() if isinstance(given, bool) else given
    return FieldError(name, "invalid_value", f"{sentence}, not “{shown}”.")


def unknown_field_error(name: str, known: Collection[str]) -> FieldError:
    """The error of a field that does not exist. It suggests the most similar field, or lists them
    all if none is similar."""
    similar = find_similar(name, known)
    hint = f"Did you mean `{similar}`?" if similar else f"The fields are {', '.join(known)}."
    return FieldError(name, "unknown_field", f"This field does not exist. {hint}")


def find_similar(name: str, known: Collection[str]) -> str | None:
    """The most similar of some names; None if none is similar."""
    similar = get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.7)
    return similar[0] if similar else None


def invalid_option_error(error: OptionError) -> FieldError:
    """The error of an option as that of a field."""
    return FieldError(error.field, "invalid_value", f"This {error.sentence}")


def install(app: FastAPI) -> None:
    """Makes `app` respond with problem+json to every error."""
    for kind in (
        PasticheError,
        HTTPException,
        RequestValidationError,
        RedisError,
        BlobStoreError,
        OSError,
    ):
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(Exception, respond_to_unexpected)


async def _handle(request: Request, error: Exception) -> ProblemResponse:
    match error:
        case PasticheError():
            return make_problem_response(error)
        case HTTPException():
            return _respond_to_framework(request, error)
        case RequestValidationError():
            errors = [describe_parameter_error(each) for each in error.errors()]
            return make_problem_response(InvalidFields(errors))
        case RedisError():
            log.warning("Redis: %s", error)
            sentence = "The job records cannot be reached just now; nothing is lost."
            return _respond_unavailable(RedisUnavailable, sentence)
        case BlobStoreError() | OSError() if _is_disk_full(
            error
        ):  # the store's, or of scratch files
            log.warning("Storage: %s", error)
            return make_problem_response(StorageFull("The picture store is full."))
        case BlobStoreError() | BlobStoreFailed():
            log.warning("Storage: %s", error)
            sentence = "The pictures cannot be reached just now."
            return _respond_unavailable(StorageUnavailable, sentence)
    raise error


async def respond_to_unexpected(request: Request, error: Exception) -> ProblemResponse:
    """The response to an unexpected error."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "An unexpected error occurred; the operator's log has the details."
    # uvicorn closes the connection after the exception: it must not be used for the next request.
    return _respond(status, "internal_error", status.phrase, sentence, {"Connection": "close"})


def make_problem_response(error: PasticheError) -> ProblemResponse:
    """One of our errors as a response."""
    retry = error.retry_after_seconds
    headers = dict(error.headers) | ({} if retry is None else {"Retry-After": str(retry)})
    if not isinstance(error, InvalidFields):
        return _respond(error.status, error.code, error.title, error.detail, headers)
    errors = [asdict(each) for each in error.errors]
    return _respond(
        error.http_status, error.code, error.title, error.detail, headers, errors=errors
    )


def _respond(
    status: int, code: str, title: str, detail: str, headers: dict[str, str], **more: Any
) -> ProblemResponse:
    body = {
        "type": f"urn:pastiche:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return ProblemResponse(body, status, headers)


def _respond_unavailable(kind: type[PasticheError], sentence: str) -> ProblemResponse:
    error = kind(f"{sentence} Please try again.", retry_after_seconds=RETRY_SECONDS)
    return make_problem_response(error)


def _respond_to_framework(request: Request, error: HTTPException) -> ProblemResponse:
    if isinstance(error.__cause__, PasticheError):  # FastAPI wraps what reading a body raises
        return make_problem_response(error.__cause__)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # FastAPI raises it for a body that cannot be decoded
        return make_problem_response(InvalidFields([FieldError("body", "not_json", _INVALID_JSON)]))
    detail = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed on {request.url.path}.",
    }.get(status, str(error.detail))
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _list_methods(request) or headers.get("Allow", "")
    return _respond(status, status.name.lower(), status.phrase, detail, headers)


def _list_methods(request: Request) -> str:
    """All methods of a path: the framework names only those of its first route."""
    methods: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        pattern, _, _ = compile_path(path)
        if pattern.match(request.url.path):
            methods |= {method.upper() for method in operations}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _is_disk_full(error: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or "No space left" in str(error)
