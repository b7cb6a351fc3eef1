"""The bodies that clients get: a job as JSON, and the words for it in OpenAPI."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from statistics import mean
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pastiche.option_warnings import OptionWarning
from pastiche.options import BackboneChoice, meaning_of
from shared.errors import DamagedRecord
from shared.job_options import JobOptions
from shared.jobs import Job, Priority, Status, Webhook, known_options
from shared.overview import QueueEstimate


def _weight(name: str) -> Any:
    meaning = meaning_of(name)
    return Field(
        None,
        ge=meaning.minimum,
        le=meaning.maximum,
        allow_inf_nan=False,
        description=meaning.description,
    )


_WARNINGS = "What of the options and images does not do what it seems to ask for."


class BackboneView(BaseModel):
    """The network that paints."""

    name: BackboneChoice
    sha256: str | None = Field(description="The SHA-256 of its weights file; null without one.")


class LossesView(BaseModel):
    """The objective's terms, each with its weight in it; they add up to `total`."""

    content: float
    style: float
    tv: float
    gamut: float = Field(description="What colours cost that no screen can show.")
    total: float


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class WarningView(BaseModel):
    """An option or an image that is taken, and does not do what it seems to ask for."""

    field: str
    code: str = Field(description="`image_too_small`, `no_effect` or `weight_is_zero`.")
    detail: str


class WebhookView(BaseModel):
    """What an address is told when the job is over."""

    url: str
    status: Literal["waiting", "delivered", "failed"] = Field(
        description="It waits for the end of the job, or for its next try."
    )
    tries: int
    tried_at: datetime | None
    error: str | None = Field(description="What went wrong the last time.")
    again_at: datetime | None = Field(description="When it is tried again.")


class LinksView(BaseModel):
    """Where to go on from here."""

    self: str
    events: str
    preview: str
    losses: str
    result: str
    cancel: str


class JobView(BaseModel):
    """A job: what was asked for, how far it is, and where its picture is."""

    id: str
    status: Status
    version: int = Field(description="Goes up by one at every change.")
    progress: float = Field(description="The share of the iterations that is done.", ge=0, le=1)
    iteration: int
    iterations: int
    scale: str | None = Field(description="Which scale of the pyramid is painted, as “2/3”.")
    queue_position: int | None = Field(description="How many jobs wait before this one.")
    eta_seconds: float | None = Field(
        description="When the picture may be expected; null rather than made up."
    )
    priority: Priority
    deadline_at: datetime | None = Field(
        description="When it expires, should it still wait; null where it may wait for ever."
    )
    attempt: int = Field(description="How many times a worker has taken the job.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="Until when it can be fetched, once over.")
    options: JobOptions
    warnings: list[WarningView] = Field(description=_WARNINGS)
    backbone: BackboneView | None
    losses: LossesView | None
    error: ErrorView | None
    webhook: WebhookView | None
    links: LinksView


_PROGRESS = (
    "version",
    "progress",
    "iteration",
    "iterations",
    "scale",
    "eta_seconds",
    "losses",
)


class JobsView(BaseModel):
    """Some of the caller's jobs."""

    jobs: list[JobView]
    next_cursor: str | None = Field(description="Where the list goes on; null at its end.")


class MemberView(BaseModel):
    """One job of a sweep."""

    id: str
    values: dict[str, float] = Field(
        description="Those of its options that are others in the other jobs."
    )
    job: JobView | None = Field(description="Null once it was erased.")


class SweepView(BaseModel):
    """A sweep, and how each of its jobs stands."""

    id: str
    created_at: datetime
    is_over: bool = Field(description="Whether all its jobs are.")
    jobs: list[MemberView]
    links: dict[str, str]


class Estimate(BaseModel):
    """What a submission would come to; nothing was kept of it."""

    dry_run: Literal[True] = True
    options: JobOptions
    warnings: list[WarningView] = Field(description=_WARNINGS)
    jobs: int = Field(description="How many there would be: one, or those of a sweep.")
    megapixel_iterations: float = Field(description="What there would be to paint in all.")
    queue_position: int = Field(description="How many jobs would wait before the first.")
    eta_seconds: float | None = Field(
        description="When the last picture might be there; null rather than made up."
    )


class Reweighing(BaseModel):
    """Other weights for a job that is not over; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    content_weight: float | None = _weight("content_weight")
    style_weight: float | None = _weight("style_weight")
    tv_weight: float | None = _weight("tv_weight")


def view_of(job: Job, rates: Sequence[float] = ()) -> JobView:
    """What a client is told of a job.

    Args:
        rates: how many pixels times iterations each worker that lives paints a second, as far as
            that is known.

    Raises:
        DamagedRecord: its options are none that there can be.
    """
    return JobView(
        id=job.id,
        status=job.status,
        version=job.version,
        queue_position=job.queue_position,
        priority=job.priority,
        deadline_at=job.deadline_at,
        attempt=job.attempt,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        options=_options(job),
        warnings=_warnings(job.warnings),
        backbone=BackboneView(**_backbone(job)) if job.backbone else None,
        error=ErrorView(code=job.error_code, detail=job.error_detail or "")
        if job.error_code
        else None,
        webhook=None if job.webhook is None else _webhook(job.webhook),
        links=_links(job),
        **_progress(job, rates),
    )


def _options(job: Job) -> JobOptions:
    """The options that this version knows."""
    try:
        return JobOptions(**known_options(job.options))
    except ValidationError as error:
        raise DamagedRecord(f"The options of job {job.id} cannot be read.") from error


def preview_link(job: Job) -> str:
    """Where the newest preview is; each has an address of its own, so that a browser asks anew."""
    after = "" if job.preview_iteration is None else f"?iteration={job.preview_iteration}"
    return f"/jobs/{job.id}/preview{after}"


def progress_of(view: dict[str, Any]) -> dict[str, Any]:
    """The part of a job's JSON that is another after every iteration."""
    return {name: view[name] for name in _PROGRESS}


def _webhook(webhook: Webhook) -> WebhookView:
    gave_up = webhook.error is not None and webhook.again_at is None
    waits = webhook.tries == 0 or webhook.again_at is not None
    return WebhookView(
        status="failed" if gave_up else "waiting" if waits else "delivered", **asdict(webhook)
    )


def _links(job: Job) -> LinksView:
    path = f"/jobs/{job.id}"
    parts = {name: f"{path}/{name}" for name in ("events", "losses", "result", "cancel")}
    return LinksView(self=path, preview=preview_link(job), **parts)


def _warnings(warnings: Sequence[OptionWarning]) -> list[WarningView]:
    return [WarningView(**asdict(warning)) for warning in warnings]


def _backbone(job: Job) -> dict[str, Any]:
    assert job.backbone is not None
    return {"name": job.backbone.name, "sha256": job.backbone.sha256}


def _progress(job: Job, rates: Sequence[float]) -> dict[str, Any]:
    done = job.progress
    if done is None:
        return {
            "progress": 0.0,
            "iteration": 0,
            "iterations": job.read_options().all_iterations,
            "scale": None,
            "eta_seconds": _expected(job, rates),
            "losses": None,
        }
    return {
        "progress": 1.0 if job.status == "succeeded" else done.iteration / done.iterations,
        "iteration": done.iteration,
        "iterations": done.iterations,
        "scale": f"{done.scale}/{done.scales}",
        "eta_seconds": done.eta_seconds if job.status == "running" else _expected(job, rates),
        "losses": LossesView(**done.losses),
    }


def estimate_of(
    options: dict[str, Any],
    jobs: int,
    work: int,
    outlook: QueueEstimate,
    rates: Sequence[float],
    warnings: Sequence[OptionWarning],
) -> Estimate:
    """What a submission would come to.

    Args:
        work: what there is to paint of each job, in pixels times iterations.
    """
    return Estimate(
        options=JobOptions(**options),
        warnings=_warnings(warnings),
        jobs=jobs,
        megapixel_iterations=round(jobs * work / 1e6, 3),
        queue_position=outlook.position,
        eta_seconds=_seconds(outlook.work_ahead + (jobs - 1) * work, work, rates),
    )


def _expected(job: Job, rates: Sequence[float]) -> float | None:
    """In how many seconds a waiting job's picture may be there."""
    if job.waiting is None:
        return None
    return _seconds(job.waiting.work_ahead, job.waiting.work_left, rates)


def _seconds(work_ahead: float, work: float, rates: Sequence[float]) -> float | None:
    """What is before a job is painted by all workers, it itself by one."""
    return round(work_ahead / sum(rates) + work / mean(rates), 1) if rates else None
