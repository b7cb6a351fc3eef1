"""`/workers`: what paints the jobs, and how fast."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access.authentication import CurrentAccess
from api.http.problems import caller_problems
from pastiche.memory_budget import ComputedIn
from shared import workers
from shared.workers import Worker

router = APIRouter(tags=["workers"])


class WorkerSummary(BaseModel):
    """What a live worker last reported about itself; it reports every few seconds."""

    device: str = Field(description="The name of its GPU, or `CPU` and its threads.")
    device_memory_bytes: int | None = Field(
        description="All memory of its GPU, or of its machine or container; null if it does not "
        "report that."
    )
    precision: ComputedIn = Field(
        description="The network's precision, unless a job chooses another."
    )
    backbone: str = Field(description="The network that `auto` chooses.")
    backbones: list[str] = Field(description="The networks whose weights it has.")
    most_pixels: int = Field(
        description="How many pixels a picture may have with the default options, given the memory "
        "that is free for a job."
    )
    megapixel_iterations_per_second: float | None = Field(
        description="How fast it paints, measured on its last jobs; null before the first."
    )
    is_painting: bool | None = Field(
        description="Whether it paints a job: it paints one at a time. Null if it does not report "
        "that."
    )
    started_at: datetime | None = Field(
        description="Since when it is ready, by the clock of its machine; null if it does not "
        "report that."
    )


class WorkerList(BaseModel):
    """All live workers."""

    workers: list[WorkerSummary]


@router.get("/workers", summary="List workers", responses=caller_problems())
async def list_workers(access: CurrentAccess) -> WorkerList:
    """The live workers: on which device each paints, with which networks, how large and how
    fast. While there is none, jobs wait."""
    live_workers = await access.service.jobs.run(workers.list_workers())
    return WorkerList(workers=[_describe_worker(worker) for worker in live_workers])


def _describe_worker(worker: Worker) -> WorkerSummary:
    # Without its name, which reveals its host and its process.
    rate, started_at = worker.rate, worker.started_at
    return WorkerSummary(
        device=worker.device,
        device_memory_bytes=worker.device_bytes,
        precision=worker.computed_in,
        backbone=worker.backbone,
        backbones=list(worker.backbones),
        most_pixels=worker.most_pixels,
        megapixel_iterations_per_second=None if rate is None else rate / 1e6,
        is_painting=worker.is_painting,
        started_at=None if started_at is None else datetime.fromtimestamp(started_at, tz=UTC),
    )
