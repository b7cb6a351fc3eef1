"""Uploads pictures, and reads what the service has stored of them."""

from collections.abc import Mapping
from typing import Any

import httpx
from PIL import Image

from shared.job_store import JobStore
from shared.uploaded_pictures import UNUSED, record_key
from tests import pictures
from tests.conftest import RunningApi


def upload(
    api: RunningApi,
    picture: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    files = {"picture": picture or pictures.jpeg()}
    return api.http.post("/pictures", files=files, data=fields, headers=headers)


def uploaded(api: RunningApi, picture: bytes | None = None, **fields: str) -> dict[str, Any]:
    """A picture that was just uploaded."""
    response = upload(api, picture, None, **fields)
    assert response.status_code == 201, response.text
    stored = response.json()
    assert isinstance(stored, dict)
    return stored


def coloured(colour: str) -> bytes:
    """A picture of one colour; another colour makes a different picture."""
    return pictures.encoded(Image.new("RGB", (64, 48), colour), "PNG")


def expire(picture: dict[str, Any], jobs: JobStore) -> None:
    """Changes the stored times as if the picture had expired."""
    jobs.client.hset(record_key(picture["id"]), "expires_ms", 1)
    for key in jobs.client.keys("pictures:expiry*"):
        jobs.client.zadd(key, {picture["id"]: 1}, xx=True)


def unused_blobs(jobs: JobStore) -> list[str]:
    """The keys of blobs that the reconciler has to delete."""
    return [str(key) for key in jobs.client.zrange(UNUSED, 0, -1)]
