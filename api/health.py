"""Whether the API lives, and whether it can take a job."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from obstore.exceptions import BaseError as BlobStoreError
from pydantic import BaseModel
from redis import RedisError

from api.service import Service, ServiceOf
from shared.workers import Worker, living

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """What a job needs, part by part: `ok`, or what is wrong with it."""

    status: Literal["ready", "not ready"]
    redis: str
    blob_store: str
    workers: list[Worker]


@router.get("/livez")
async def livez() -> Alive:
    """The process answers; says nothing of what it needs."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(service: ServiceOf, response: Response) -> Readiness:
    """Whether a job can be taken, and which workers live to paint it, with which backbone."""
    redis, workers = await _redis(service)
    blob_store = await _blob_store(service)
    ready = redis == blob_store == "ok"
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        status="ready" if ready else "not ready",
        redis=redis,
        blob_store=blob_store,
        workers=workers,
    )


async def _redis(service: Service) -> tuple[str, list[Worker]]:
    try:
        return "ok", await service.jobs.run(living())
    except (RedisError, OSError):
        return "cannot be reached", []


async def _blob_store(service: Service) -> str:
    try:
        await service.blobs.check()
    except (BlobStoreError, OSError):
        return "cannot be written"
    return "ok"
