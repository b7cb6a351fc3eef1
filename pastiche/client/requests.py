"""Every request that is made of a service."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pastiche.client.records import Format
from pastiche.client.steps import Request

Files = tuple[tuple[str, bytes], ...]


def submission(path: str, files: Files, form: Mapping[str, str], key: str | None) -> Request:
    """A submission to `/jobs` or `/sweeps`, under a key that makes it one however often it is
    sent; one of its own where none is given."""
    return Request("POST", path, headers=_once(key), form=form, files=files)


def dry_run(files: Files, form: Mapping[str, str]) -> Request:
    """A submission that is only tried out."""
    return Request("POST", "/jobs", query={"dry_run": "1"}, form=form, files=files)


def looking(resource: str, name: str, part: str = "") -> Request:
    """A job or a sweep, or a part of it."""
    return Request("GET", _path(resource, name, part))


def picture(resource: str, name: str, part: str, wanted: Format, **query: str) -> Request:
    """A picture of a job or of a sweep."""
    return Request("GET", _path(resource, name, part), query={"format": wanted, **query})


def listing(status: str | None, limit: int, cursor: str | None) -> Request:
    """A page of jobs."""
    query = {"status": status, "limit": str(limit), "cursor": cursor}
    return Request("GET", "/jobs", query={k: v for k, v in query.items() if v is not None})


def watching(job_id: str) -> Request:
    """The stream of a job's events."""
    return Request("GET", _path("jobs", job_id, "events"), headers={"Accept": "text/event-stream"})


def reweighing(job_id: str, weights: Mapping[str, Any]) -> Request:
    """Other weights: the same however often they are told."""
    return Request("PATCH", _path("jobs", job_id), json=weights)


def canceling(resource: str, name: str) -> Request:
    """To cancel twice is to cancel once."""
    return Request("POST", _path(resource, name, "cancel"))


def finishing(job_id: str) -> Request:
    """To finish twice is to finish once."""
    return Request("POST", _path("jobs", job_id, "finish"))


def retrying(job_id: str) -> Request:
    """One new job, however often it is sent."""
    return Request("POST", _path("jobs", job_id, "retry"), headers=_once())


def erasing(resource: str, name: str) -> Request:
    """What is erased may be erased again."""
    return Request("DELETE", _path(resource, name))


READINESS = Request("GET", "/readyz")


def _once(key: str | None = None) -> Mapping[str, str]:
    return {"Idempotency-Key": key or uuid4().hex}


def _path(resource: str, name: str, part: str = "") -> str:
    path = f"/{resource}/{quote(name, safe='')}"
    return f"{path}/{part}" if part else path
