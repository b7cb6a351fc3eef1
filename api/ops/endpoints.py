"""`/livez`, `/readyz` and `/metrics`, for operators and their machines."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from redis import RedisError

from api.http.problems import describe_problems
from api.ops.metrics import Snapshot, State, read_counts
from api.service import CurrentService
from shared.workers import Worker, list_workers

router = APIRouter(tags=["operations"])


class Liveness(BaseModel):
    """The process responds."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Each component that a job needs: `ok`, or what is wrong with it."""

    status: Literal["ready", "not ready"]
    redis: str
    blob_store: str
    workers: list[Worker]
    warnings: list[str] = Field(description="How Redis may lose jobs with its configuration.")


@router.get("/livez", summary="Get the API's liveness")
async def get_liveness() -> Liveness:
    """The process responds. What it needs is not checked."""
    return Liveness()


@router.get("/readyz", summary="Get the service's readiness", responses={503: {"model": Readiness}})
async def get_readiness(service: CurrentService, response: Response) -> Readiness:
    """Whether a job can be accepted, and which live workers can paint it, with which backbone."""
    states = await service.readiness.check()
    redis = states.redis
    try:
        workers = await service.jobs.run(list_workers())
    except (RedisError, OSError):
        redis, workers = "cannot be reached", []
    ready = redis == states.blob_store == "ok"
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        status="ready" if ready else "not ready",
        redis=redis,
        blob_store=states.blob_store,
        workers=workers,
        warnings=list(states.warnings),
    )


@router.get(
    "/metrics",
    summary="Get metrics",
    response_class=Response,
    responses=describe_problems(503)
    | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(service: CurrentService) -> Response:
    """Every metric, in Prometheus' format."""
    counts = await service.jobs.run(read_counts())
    workers = await service.jobs.run(list_workers())
    states = await service.readiness.check()
    writable = {"redis": states.redis == "ok", "blob_store": states.blob_store == "ok"}
    registry = CollectorRegistry()
    state = State(counts, workers, service.subscriptions.count, writable)
    registry.register(Snapshot(state))
    registry.register(service.request_times)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
