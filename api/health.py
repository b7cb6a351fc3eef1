"""Whether the API lives, and whether it can take a job."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from redis import RedisError

from api.service import ServiceOf
from shared.workers import Worker, list_workers

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
    redis, blob_store = await service.readiness.check()
    try:
        workers = await service.jobs.run(list_workers())
    except (RedisError, OSError):
        redis, workers = "cannot be reached", []
    ready = redis == blob_store == "ok"
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        status="ready" if ready else "not ready",
        redis=redis,
        blob_store=blob_store,
        workers=workers,
    )
