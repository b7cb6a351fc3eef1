"""Internal errors, and what a client receives of them."""

import asyncio
import errno

import httpx
import pytest
from fastapi import FastAPI

from api.http import problems
from shared.blob_store import BlobStoreFailed


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BlobStoreFailed(errno.EIO, "broken"), 503, "storage_unavailable"),
        (BlobStoreFailed(errno.ENOSPC, "full"), 507, "storage_full"),
        (OSError(errno.ENOSPC, "full"), 507, "storage_full"),
        (PermissionError(errno.EPERM, "not the store"), 500, "internal_error"),
        (FileNotFoundError(errno.ENOENT, "not the store"), 500, "internal_error"),
        (ConnectionResetError("not the store"), 500, "internal_error"),
    ],
)
def test_what_the_system_refuses_is_the_store_s_only_where_the_store_says_so(
    error: OSError, status: int, code: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    response = asyncio.run(get(app))
    assert (response.status_code, response.json()["code"]) == (status, code)


async def get(app: FastAPI) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.get("/")
