"""Sweeps as clients receive them."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.jobs.schemas import Job


class SweepJob(BaseModel):
    """One job of a sweep."""

    id: str
    values: dict[str, float] = Field(
        description="The options that differ from those of the other jobs."
    )
    job: Job | None = Field(description="Null once it was deleted.")


class Sweep(BaseModel):
    """A sweep and the current state of its jobs."""

    id: str
    created_at: datetime
    is_over: bool = Field(description="Whether all its jobs are over.")
    jobs: list[SweepJob]
    links: dict[str, str]
