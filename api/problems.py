"""Every error as problem+json (RFC 9457): ours, the framework's and the unforeseen."""

import errno
import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError as BlobStoreError
from pydantic import BaseModel
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.parameter_faults import NOT_JSON, fault_of_parameter
from shared.blob_store import BlobStoreRefused
from shared.errors import (
    FieldError,
    InvalidFields,
    PasticheError,
    RedisUnavailable,
    StorageFull,
    StorageUnavailable,
)

log = logging.getLogger(__name__)

RETRY_SECONDS = 5


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """What went wrong, for programs (`code`) and for people (`detail`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The part of an endpoint's OpenAPI entry that says which problems it answers with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {ProblemResponse.media_type: {"schema": schema}},
        }
        for status in statuses
    }


def responses_to_callers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for an endpoint that asks who calls, and looks into the records."""
    return responses(401, 403, 429, 500, 503, *statuses)


def install(app: FastAPI) -> None:
    """Makes problem+json the one shape of every error that `app` answers with."""
    app.add_exception_handler(PasticheError, _ours)
    app.add_exception_handler(HTTPException, _the_framework_s)
    app.add_exception_handler(RequestValidationError, _a_parameter)
    app.add_exception_handler(RedisError, _redis)
    app.add_exception_handler(BlobStoreError, _storage)
    app.add_exception_handler(BlobStoreRefused, _storage)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(Exception, _unforeseen)


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


async def _ours(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, PasticheError)
    return problem_of(error)


def problem_of(error: PasticheError) -> ProblemResponse:
    """One of our errors as a response."""
    retry = error.retry_after_seconds
    headers = dict(error.headers) | ({} if retry is None else {"Retry-After": str(retry)})
    if isinstance(error, InvalidFields):
        errors = [asdict(each) for each in error.errors]
        return _respond(
            error.http_status, error.code, error.title, error.detail, headers, errors=errors
        )
    return _respond(error.status, error.code, error.title, error.detail, headers)


async def _the_framework_s(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # of FastAPI, where a body cannot be decoded at all
        return problem_of(InvalidFields([FieldError("body", "not_json", NOT_JSON)]))
    code = status.name.lower()
    detail = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} cannot be done on {request.url.path}.",
    }.get(status, str(error.detail))
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _methods_of(request) or headers.get("Allow", "")
    return _respond(status, code, status.phrase, detail, headers)


def _methods_of(request: Request) -> str:
    """All that can be done on a path: the framework says only what its first route takes."""
    methods: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        pattern, _, _ = compile_path(path)
        if pattern.match(request.url.path):
            methods |= {method.upper() for method in operations}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


async def _a_parameter(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    return problem_of(InvalidFields([fault_of_parameter(each) for each in error.errors()]))


async def _redis(request: Request, error: Exception) -> ProblemResponse:
    log.warning("Redis: %s", error)
    sentence = "The job records cannot be reached just now; nothing is lost. Please try again."
    return await _ours(request, RedisUnavailable(sentence, retry_after_seconds=RETRY_SECONDS))


async def _storage(request: Request, error: Exception) -> ProblemResponse:
    log.warning("Storage: %s", error)
    if _is_disk_full(error):
        return await _ours(request, StorageFull("There is no room left for pictures."))
    sentence = "The pictures cannot be reached just now. Please try again."
    return await _ours(request, StorageUnavailable(sentence, retry_after_seconds=RETRY_SECONDS))


async def _system(request: Request, error: Exception) -> ProblemResponse:
    """What the system refuses anywhere else says nothing of the store, but that its disk, or that
    of pictures on their way, is full."""
    if _is_disk_full(error):
        return await _storage(request, error)
    return await _unforeseen(request, error)


def _is_disk_full(error: Exception) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or "No space left" in str(error)


async def _unforeseen(_: Request, error: Exception) -> ProblemResponse:
    log.error("Unforeseen", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "Something unexpected went wrong; the operator's log has it."
    # uvicorn hangs up after an exception: a client must not send its next request here.
    return _respond(status, "internal_error", status.phrase, sentence, {"Connection": "close"})
