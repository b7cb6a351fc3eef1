"""The OpenAPI document: what FastAPI finds out by itself, and what it cannot know."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from api.http.problems import Problem, ProblemResponse

_OF_THE_FRAMEWORK = ("HTTPValidationError", "ValidationError")

_HEADERS = {
    "ETag": "Changes with every change of what it belongs to.",
    "Location": "Where the job or the sweep is.",
    "Retry-After": "In how many seconds to ask again.",
    "RateLimit": "What is left of each limit, and in how many seconds all of it is again.",
    "RateLimit-Policy": "Each limit, and the seconds that it is for; only where there are limits.",
    "X-Request-ID": "The request's id, its client's or one of ours; logs have it too.",
    "Preference-Applied": "What was made of `Prefer`.",
    "Content-Range": "Which bytes these are, and of how many.",
    "WWW-Authenticate": "That a key is needed.",
}

_ON_EVERY_ANSWER = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
_ON_STATUS = {
    "202": ("Location", "Retry-After", "ETag", "Preference-Applied"),
    "206": ("Content-Range", "ETag"),
    "304": ("ETag",),
    "401": ("WWW-Authenticate",),
    "416": ("Content-Range",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}

_LINKED = {"/jobs/{job_id}": "job_id", "/sweeps/{sweep_id}": "sweep_id"}
"""Under which parameter the paths have what a submission made."""

_MAKES = {
    ("/jobs", "post"): "/jobs/{job_id}",
    ("/jobs/{job_id}/retry", "post"): "/jobs/{job_id}",
    ("/sweeps", "post"): "/sweeps/{sweep_id}",
}


def operation_id(route: APIRoute) -> str:
    """`jobs_look`: the names that generated clients have."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def install(app: FastAPI) -> None:
    """Completes the document of `app`."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(described())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]
    template = "#/components/schemas/{model}"
    _, schemas = models_json_schema([(Problem, "serialization")], ref_template=template)
    components["schemas"].update(schemas["$defs"])
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "Where keys are asked for."},
        "token": {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "From `POST /tokens`; only reads.",
        },
    }
    for _, method, operation in _operations(document):
        _complete(method, operation)
    for submission, made in _MAKES.items():
        _link(document, submission, made)
    for name in _OF_THE_FRAMEWORK:
        components["schemas"].pop(name, None)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _complete(method: str, operation: dict[str, Any]) -> None:
    if "operations" not in operation.get("tags", ()):
        schemes = ("key", "token") if method == "get" else ("key",)
        operation["security"] = [{}, *({scheme: []} for scheme in schemes)]
    for status, response in operation["responses"].items():
        if status == "422":
            response["content"] = problem_content()
        names = (*_ON_EVERY_ANSWER, *_ON_STATUS.get(status, ()))
        headers = response.setdefault("headers", {})
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _link(document: dict[str, Any], submission: tuple[str, str], made: str) -> None:
    """From the answer of a submission to all that can be done with what it made."""
    (path, method), name = submission, _LINKED[made]
    links = {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {name: "$response.body#/id"},
        }
        for each, _, operation in _operations(document)
        if each.startswith(made)
    }
    document["paths"][path][method]["responses"]["202"]["links"] = links


def problem_content() -> dict[str, Any]:
    """The body of a problem."""
    return {ProblemResponse.media_type: {"schema": {"$ref": "#/components/schemas/Problem"}}}
