"""The OpenAPI document, completed with what FastAPI cannot know."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from api.http.openapi_schemas import make_reference, name_schemas
from api.http.problems import Problem, ProblemResponse

DESCRIPTION = """
Submit a photograph and a painting, follow the job, and download the picture.

The paths have no version, because fields, values and endpoints are only added: ignore those that
you do not know. A change that breaks clients would get a new path, and the old one would stay for a
year.
"""

CONTACT = {"name": "Pastiche", "url": "https://github.com/pastiche-art/pastiche/issues"}

LICENSE = {"name": "Apache 2.0", "identifier": "Apache-2.0"}

SERVERS = [{"url": "/", "description": "This service"}]

TAGS = [
    {"name": "jobs", "description": "A picture to be painted: submit it, follow it, download it."},
    {"name": "sweeps", "description": "Many jobs in one request, shown on one contact sheet."},
    {"name": "pictures", "description": "Pictures that are uploaded once and used in many jobs."},
    {"name": "styles", "description": "Paintings that jobs can name."},
    {"name": "options", "description": "What a form needs to offer every option of a job."},
    {"name": "workers", "description": "The processes that paint the jobs."},
    {"name": "webhooks", "description": "How to verify what is sent to your webhooks."},
    {"name": "access", "description": "Tokens, for URLs that a browser loads by itself."},
    {"name": "operations", "description": "Health and metrics, for operators."},
]

_FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")

_HEADERS = {
    "ETag": "Changes whenever the resource changes.",
    "Location": "The URL of the new job, sweep or picture.",
    "Retry-After": "The seconds after which to try again.",
    "RateLimit": "What is left of each limit, and the seconds until it is reset.",
    "RateLimit-Policy": "Each limit and its window in seconds; only if there are limits.",
    "X-Request-ID": "The request's id, the client's or a new one, which is also in the logs.",
    "Preference-Applied": "The part of `Prefer` that was applied.",
    "Content-Range": "The range of bytes, and their number in all.",
    "WWW-Authenticate": "The scheme of the key that is required.",
}

_HEADERS_OF_ALL = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
_HEADERS_OF_STATUS = {
    "201": ("Location",),
    "202": ("Location", "Retry-After", "ETag", "Preference-Applied"),
    "206": ("Content-Range", "ETag"),
    "304": ("ETag",),
    "401": ("WWW-Authenticate",),
    "416": ("Content-Range",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}

_CREATED = {
    "/jobs": ("202", "/jobs/{job_id}", "job_id"),
    "/jobs/{job_id}/retry": ("202", "/jobs/{job_id}", "job_id"),
    "/sweeps": ("202", "/sweeps/{sweep_id}", "sweep_id"),
    "/pictures": ("201", "/pictures/{picture_id}", "picture_id"),
    "/pictures/uploads": ("200", "/pictures/uploads/{upload_id}", "upload_id"),
    "/pictures/uploads/{upload_id}/complete": ("201", "/pictures/{picture_id}", "picture_id"),
    "/batches": ("202", "/sweeps/{sweep_id}", "sweep_id"),
}
"""By the path of a submission: its status, the path of what it creates, and the parameter in it."""


def install(app: FastAPI) -> None:
    """Completes the document of `app`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as in FastAPI's documentation


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]
    template = "#/components/schemas/{model}"
    _, schemas = models_json_schema([(Problem, "serialization")], ref_template=template)
    components["schemas"].update(schemas["$defs"])
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "If the service requires keys."},
        "token": {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "From `POST /tokens`; only for reading.",
        },
    }
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete_operation(method, operation)
    for submission, (status, created, parameter) in _CREATED.items():
        links = _make_links(document["paths"], created, parameter)
        document["paths"][submission]["post"]["responses"][status]["links"] = links
    for name in _FRAMEWORK_SCHEMAS:
        components["schemas"].pop(name, None)
    name_schemas(document)
    return document


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    if "operations" not in operation.get("tags", ()):
        schemes = ("key", "token") if method == "get" else ("key",)
        operation["security"] = [{}, *({scheme: []} for scheme in schemes)]
    for status, response in operation["responses"].items():
        if status == "422":
            response["content"] = {
                ProblemResponse.media_type: {"schema": make_reference("Problem")}
            }
        names = (*_HEADERS_OF_ALL, *_HEADERS_OF_STATUS.get(status, ()))
        headers = response.setdefault("headers", {})
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _make_links(paths: dict[str, Any], created: str, parameter: str) -> dict[str, Any]:
    """The links from the response to a submission to all operations on what it created."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {parameter: "$response.body#/id"},
        }
        for path, methods in paths.items()
        if path.startswith(created)
        for operation in methods.values()
    }
