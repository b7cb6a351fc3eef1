"""Jobs as clients receive them: JSON, and its description in OpenAPI."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.http.problems import list_codes
from api.jobs.estimates import estimate_seconds
from pastiche.job_settings import Keep, Priority, WebhookEvent
from pastiche.option_values import Schema
from pastiche.option_warnings import WARNINGS
from pastiche.options import OPTIONS, BackboneChoice, Options, json_schema, update_schema
from pastiche.painting_speed import PaintingSpeed
from pastiche.sizes import scales
from shared.errors import FAILURES, RecordDamaged
from shared.jobs import Job as JobRecord
from shared.jobs import PaintingStats, Status
from shared.jobs import Webhook as WebhookRecord
from shared.stored_json import field_names


def _documented_as(schema: Schema) -> ConfigDict:
    """The configuration of a model that has this schema in OpenAPI."""

    def replace(own: Schema) -> None:
        own.clear()
        own.update(schema)

    return ConfigDict(json_schema_extra=replace)


class JobOptions(RootModel[dict[str, Any]]):
    """All options, already validated by `pastiche.options`."""

    model_config = _documented_as(json_schema() | {"required": list(OPTIONS)})


class WeightUpdate(RootModel[dict[str, Any]]):
    """New weights, which `pastiche.options` still has to validate."""

    model_config = _documented_as(update_schema() | {"examples": [{"style_weight": 0.8}]})


_WARNINGS = "Options and images that are accepted, but have no effect or an unexpected one."


_BACKBONES = tuple(name for name in get_args(BackboneChoice) if name != "auto")


class Backbone(BaseModel):
    """The network that paints."""

    name: str = Field(json_schema_extra=list_codes(_BACKBONES))
    sha256: str | None = Field(description="The SHA-256 of its weights file; null without one.")


class Losses(BaseModel):
    """The objective's terms, each multiplied by its weight; they add up to `total`."""

    content: float
    style: float
    tv: float
    gamut: float = Field(description="The cost of colours outside the gamut of screens.")
    total: float


class JobError(BaseModel):
    """Why the job failed."""

    code: str = Field(json_schema_extra=list_codes(FAILURES))
    detail: str


class JobWarning(BaseModel):
    """An option or an image that is accepted, but has no effect or an unexpected one."""

    field: str
    code: str = Field(json_schema_extra=list_codes(WARNINGS))
    detail: str


class Timings(BaseModel):
    """How long the job took; null while it is not known."""

    waited_seconds: float | None = Field(
        description="From its submission until a worker first claimed it."
    )
    painted_seconds: float | None = Field(description="From then until it was over.")
    total_seconds: float | None = Field(description="From its submission until it was over.")


WebhookStatus = Literal["waiting", "delivered", "failed", "unused"]


class Webhook(BaseModel):
    """The notifications about the job that are sent to a URL."""

    url: str
    events: list[WebhookEvent] = Field(description="The events that are sent.")
    status: WebhookStatus = Field(
        description="`waiting` for an event or for the next try; then the outcome of the last "
        "event; `unused` if the job ended without any of the events."
    )
    tries: int = Field(description="The number of tries of the current event.")
    tried_at: datetime | None
    error: str | None = Field(description="What went wrong in the last try.")
    again_at: datetime | None = Field(description="The time of the next try.")


class JobLinks(BaseModel):
    """Links to what belongs to the job."""

    self: str
    events: str
    preview: str
    losses: str
    result: str
    cancel: str


class Job(BaseModel):
    """A job: its options, its progress, and links to its results."""

    id: str
    status: Status
    version: int = Field(description="Goes up by one at every change.")
    progress: float = Field(description="The share of the iterations that are done.", ge=0, le=1)
    iteration: int
    iterations: int
    scale: str | None = Field(description="Which scale of the pyramid is painted, as “2/3”.")
    queue_position: int | None = Field(description="How many jobs wait before this one.")
    eta_seconds: float | None = Field(
        description="In how many seconds the picture is expected; null if that is not known."
    )
    priority: Priority
    deadline_at: datetime | None = Field(
        description="When it expires if it still waits; null if it may wait without limit."
    )
    timeout_at: datetime | None = Field(
        description="When it fails if it is not over; null if it has no `timeout`."
    )
    keep: Keep | None = Field(
        description="How long it is retained once it is over: seconds, or until its result was "
        "sent completely; null for as long as the operator allows."
    )
    attempt: int = Field(description="How often a worker has started the job.")
    failed_attempts: list[str] = Field(
        description="The codes of failed attempts after which the job was queued again for another "
        "worker: the newest code of each worker, the oldest first.",
        json_schema_extra={"items": {"type": "string", **list_codes(FAILURES)}},
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="Until when it is retained, once it is over.")
    options: JobOptions
    warnings: list[JobWarning] = Field(description=_WARNINGS)
    backbone: Backbone | None
    losses: Losses | None
    timings: Timings
    device: str | None = Field(description="What paints: the name of a GPU, or the CPU's threads.")
    precision: str | None = Field(
        description="The precision of the network's features, such as `float32`."
    )
    iterations_per_second: float | None = Field(
        description="The average of the newest attempt, without its preparation."
    )
    peak_memory_bytes: int | None = Field(
        description="The peak memory of the painting process: on the GPU if there is one, "
        "otherwise on the machine, including its libraries and its cache."
    )
    error: JobError | None
    webhook: Webhook | None
    links: JobLinks


_NO_STATS = dict.fromkeys(field_names(PaintingStats))
"""The measurements of a job for which no worker has reported any."""


class Progress(BaseModel):
    """How far a running job is."""

    version: int
    progress: float = Field(ge=0, le=1)
    iteration: int
    iterations: int
    scale: str
    eta_seconds: float | None
    losses: Losses


class JobList(BaseModel):
    """A page of the caller's jobs."""

    jobs: list[Job]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.")


class Estimate(BaseModel):
    """What a submission would cost; nothing of it was stored."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    dry_run: Literal[True] = True
    options: JobOptions
    warnings: list[JobWarning] = Field(description=_WARNINGS)
    jobs: int = Field(description="The number of jobs: one, or those of a sweep or a batch.")
    megapixel_iterations: float = Field(
        description="The work of all jobs, in millions of pixels times iterations."
    )
    queue_position: int = Field(description="How many jobs would wait before the first.")
    eta_seconds: float | None = Field(
        description="In how many seconds the last picture is expected; null if that is not known."
    )


def describe_job(job: JobRecord, speeds: Sequence[PaintingSpeed] = ()) -> Job:
    """The job as a client receives it.

    Args:
        speeds: of the live workers, as far as they are known.

    Raises:
        RecordDamaged: a part of it is invalid.
    """
    try:
        return _describe(job, speeds)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise RecordDamaged(f"The record of job {job.id} cannot be read.") from error


def _describe(job: JobRecord, speeds: Sequence[PaintingSpeed]) -> Job:
    options, path = job.read_options(), f"/jobs/{job.id}"
    return Job(
        id=job.id,
        status=job.status,
        version=job.version,
        queue_position=job.queue_position,
        priority=job.priority,
        deadline_at=job.deadline_at,
        timeout_at=job.timeout_at,
        keep=job.keep,
        attempt=job.attempt,
        failed_attempts=[each.code for each in job.failed_attempts],
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        options=JobOptions(options.to_dict()),
        warnings=[JobWarning(**asdict(warning)) for warning in job.warnings],
        backbone=job.backbone and Backbone(name=job.backbone.name, sha256=job.backbone.sha256),
        error=_describe_error(job),
        webhook=job.webhook and _describe_webhook(job.webhook, is_over=job.is_over),
        timings=Timings(
            waited_seconds=job.waited_seconds,
            painted_seconds=job.painted_seconds,
            total_seconds=job.total_seconds,
        ),
        links=JobLinks(
            self=path,
            events=f"{path}/events",
            preview=make_preview_link(job),
            losses=f"{path}/losses",
            result=f"{path}/result",
            cancel=f"{path}/cancel",
        ),
        **_describe_progress(job, options, speeds),
        **(asdict(job.stats) if job.stats else _NO_STATS),
    )


def make_preview_link(job: JobRecord) -> str:
    """The URL of the newest preview. Each has its own, so that browsers load it."""
    after = "" if job.preview_iteration is None else f"?iteration={job.preview_iteration}"
    return f"/jobs/{job.id}/preview{after}"


def pick_progress(job: dict[str, Any]) -> dict[str, Any]:
    """The part of a job's JSON that changes with every iteration."""
    return {name: job[name] for name in Progress.model_fields}


def _describe_error(job: JobRecord) -> JobError | None:
    return JobError(code=job.error_code, detail=job.error_detail or "") if job.error_code else None


def _describe_webhook(webhook: WebhookRecord, *, is_over: bool) -> Webhook:
    is_untried = webhook.tries == 0
    status: WebhookStatus = "failed" if webhook.error else "unused" if is_untried else "delivered"
    is_end_pending = is_untried and "finished" in webhook.events
    if not is_over or webhook.pending or webhook.again_at is not None or is_end_pending:
        status = "waiting"
    return Webhook(
        url=webhook.url,
        events=list(webhook.events),
        status=status,
        tries=webhook.tries,
        tried_at=webhook.tried_at,
        error=webhook.error,
        again_at=webhook.again_at,
    )


def _describe_progress(
    job: JobRecord, options: Options, speeds: Sequence[PaintingSpeed]
) -> dict[str, Any]:
    done = job.progress
    if done is None:
        return {
            "progress": 0.0,
            "iteration": 0,
            "iterations": options.all_iterations,
            "scale": None,
            "eta_seconds": _estimate_eta(job, options, speeds),
            "losses": None,
        }
    return {
        "progress": 1.0 if job.status == "succeeded" else done.iteration / done.iterations,
        "iteration": done.iteration,
        "iterations": done.iterations,
        "scale": f"{done.scale}/{done.scales}",
        "eta_seconds": done.eta_seconds
        if job.status == "running"
        else _estimate_eta(job, options, speeds),
        "losses": Losses(**done.losses),
    }


def _estimate_eta(
    job: JobRecord, options: Options, speeds: Sequence[PaintingSpeed]
) -> float | None:
    """The seconds until a waiting job's result, if they can be estimated."""
    if job.waiting is None or not job.work or not job.pixels:
        return None
    plan = scales(options.size, max(1, job.pixels // options.size), options)
    share_left = job.waiting.work_left / job.work
    return estimate_seconds(job.waiting.work_ahead, plan, speeds, share_left=share_left)
