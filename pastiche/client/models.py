"""The objects that a service sends: jobs, sweeps, losses, pictures, styles, workers.

pydantic parses JSON into frozen dataclasses, strictly, so that "5" is not a number. Fields that
only newer services send are ignored, but `raw` has the whole JSON object.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from pastiche.picture_sources import Picture

Format = Literal["png", "jpeg", "webp"]
Status = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]

FINAL_STATUSES = ("succeeded", "failed", "canceled", "expired")

Model = TypeVar("Model")


def parse(model: type[Model], data: bytes | str) -> Model:
    """Reads a dataclass from a JSON document.

    Raises:
        ValueError: the document is not valid JSON, or a field is missing or of another type. The
            message names the field.
    """
    try:
        parsed: Model = _adapter(model).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"])) or model.__name__
        raise ValueError(f"{name}: {first['msg']}") from None
    _set_raw(parsed, json.loads(data))
    return parsed


def _set_raw(parsed: object, document: Any) -> None:
    """Sets `raw` in all objects of the API. A validator could not, as it would turn off strict
    parsing of JSON."""
    if isinstance(parsed, _Resource):
        object.__setattr__(parsed, "raw", document)
    if isinstance(parsed, tuple):
        for each, part in zip(parsed, document, strict=True):
            _set_raw(each, part)
    elif is_dataclass(parsed):
        for each in fields(parsed):
            if each.init and each.name in document:
                _set_raw(getattr(parsed, each.name), document[each.name])


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""Builds the parser of a dataclass when it is first needed, which takes milliseconds."""


def _mapping() -> Any:
    return field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    """A JSON object of the API.

    Attributes:
        raw: the object as the service sent it, including fields that this version does not know.
    """

    raw: Mapping[str, Any] = field(default_factory=dict, init=False, repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """The network that paints, and the SHA-256 of its weights file. None if it has no file."""

    name: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The terms of the objective, each multiplied by its weight. They add up to `total`.

    Attributes:
        gamut: the penalty for colours that no screen can show. None from an older service.
    """

    content: float
    style: float
    tv: float
    total: float
    gamut: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedWeights:
    """Weights that a job was painted with, from an iteration on."""

    iteration: int
    content_weight: float
    style_weight: float
    tv_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurves:
    """Columns of the same length: iteration, scale, and each loss term after that iteration.

    Attributes:
        weights: one entry, and one more for each change.
    """

    iterations: tuple[int, ...] = ()
    scales: tuple[int, ...] = ()
    content: tuple[float, ...] = ()
    style: tuple[float, ...] = ()
    tv: tuple[float, ...] = ()
    total: tuple[float, ...] = ()
    gamut: tuple[float, ...] = ()
    weights: tuple[UsedWeights, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWarning:
    """An option or an image that does not have the expected effect: its name, a code and a
    sentence."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How many seconds the job waited for a worker, was painted, and took in total. None while not
    known."""

    waited_seconds: float | None = None
    painted_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """The webhook of a job, and how its delivery went.

    Attributes:
        events: the events that it is notified of.
        tries: how often delivery of the current event was tried.
    """

    url: str
    status: str
    events: tuple[str, ...] = ("finished",)
    tries: int = 0
    tried_at: datetime | None = None
    error: str | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(_Resource):
    """The progress of a job.

    Attributes:
        version: the version of the job, which increases by one with every change.
        progress: the share of the iterations that are done, from 0 to 1.
        scale: the scale of the pyramid that is being painted, such as “2/3”.
        eta_seconds: the estimated time until the picture is done. None if it is not known.
    """

    version: int = 0
    progress: float = 0.0
    iteration: int = 0
    iterations: int = 0
    scale: str | None = None
    eta_seconds: float | None = None
    losses: Losses | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Progress):
    """A job: its options, its progress, and how it ended.

    Attributes:
        status: one of `Status`, or one that only a newer service has.
        queue_position: the number of jobs ahead of this one.
        timeout_at: when the job fails if it has not ended.
        keep: how long it is retained once it has ended: seconds, or `until_fetched`. None for as
            long as the operator allows.
        attempt: how many times a worker has started the job.
        failed_attempts: the error codes of failed attempts after which the job was queued again for
            another worker: the newest code of each worker, oldest first.
        expires_at: when a finished job and its picture will be deleted.
        device: what paints it: a GPU's name, or the CPU's threads.
        iterations_per_second: the speed of the newest attempt.
        peak_memory_bytes: the peak memory of the painting process. None if its system does not
            report it.
    """

    id: str
    status: str
    queue_position: int | None = None
    priority: str = "normal"
    deadline_at: datetime | None = None
    timeout_at: datetime | None = None
    keep: float | str | None = None
    attempt: int = 0
    failed_attempts: tuple[str, ...] = ()
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    options: Mapping[str, Any] = _mapping()
    warnings: tuple[JobWarning, ...] = ()
    backbone: Backbone | None = None
    timings: Timings = Timings()
    device: str | None = None
    precision: str | None = None
    iterations_per_second: float | None = None
    peak_memory_bytes: int | None = None
    error: Failure | None = None
    webhook: Webhook | None = None
    links: Mapping[str, str] = _mapping()

    @property
    def is_over(self) -> bool:
        """Whether the job has reached a final status."""
        return self.status in FINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of the list of jobs, and the cursor of the next page. None on the last page."""

    jobs: tuple[Job, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A job of a sweep or a batch: how it differs from the other jobs, and its state.

    Attributes:
        content, style: in a batch, the file names of its two images.
        values: the options whose values differ between the jobs.
        job: None once it is deleted.
    """

    id: str
    content: str | None = None
    style: str | None = None
    values: Mapping[str, float] = _mapping()
    job: Job | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(_Resource):
    """One job for each pair of images and each combination of option values."""

    id: str
    is_over: bool
    created_at: datetime | None = None
    jobs: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(_Resource):
    """What a submission would cost. Nothing was stored."""

    megapixel_iterations: float
    queue_position: int
    eta_seconds: float | None = None
    jobs: int = 1
    options: Mapping[str, Any] = _mapping()
    warnings: tuple[JobWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPicture(_Resource):
    """A picture that is stored by the service, for any number of jobs.

    Attributes:
        reference: what a submission calls it.
        name: its name, if one was given. Then it is also listed as a style.
        bytes: the size of the stored file.
        expires_at: when it will be deleted. Each job that uses it extends this time.
    """

    id: str
    reference: str
    width: int
    height: int
    name: str | None = None
    bytes: int = 0
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUpload:
    """A picture whose file must be sent to the object store of the service.

    Attributes:
        url: a signed URL of the object store, which needs no key.
    """

    id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePage:
    """One page of the list of pictures, and the cursor of the next page. None on the last page."""

    pictures: tuple[UploadedPicture, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Style(_Resource):
    """A style image that the service has.

    Attributes:
        reference: what a submission calls it, such as `example:wave`.
        title: the name for people.
        links: `thumbnail` is the path of a small picture.
    """

    reference: str
    name: str
    title: str
    width: int = 0
    height: int = 0
    links: Mapping[str, str] = _mapping()


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleList:
    """All styles."""

    styles: tuple[Style, ...]


JobPicture: TypeAlias = Picture | UploadedPicture | Style
"""A picture of a job: one to send, or one that the service has, as an object or by its reference,
such as `example:wave`."""

JobPictures: TypeAlias = JobPicture | Sequence[JobPicture]
"""A picture of a job, or a list of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSummary(_Resource):
    """The newest report of a running worker. What it did not report is None.

    Attributes:
        device: the name of its GPU, or `CPU` and its threads.
        device_memory_bytes: the total memory of its GPU, or of its machine or container.
        precision: the precision of its network, unless a job chooses another.
        backbone: the backbone that it uses for `auto`.
        backbones: the backbones whose weights it has.
        most_pixels: the size of the largest picture that it can paint with the default options.
        megapixel_iterations_per_second: how fast it paints. None before its first job.
        is_painting: whether it is painting a job.
        started_at: when it became ready.
    """

    device: str
    device_memory_bytes: int | None = None
    precision: str | None = None
    backbone: str | None = None
    backbones: tuple[str, ...] = ()
    most_pixels: int | None = None
    megapixel_iterations_per_second: float | None = None
    is_painting: bool | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerList:
    """All running workers."""

    workers: tuple[WorkerSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A running worker.

    Attributes:
        backbone: the backbone that it uses for `auto`.
        most_pixels: the size of the largest picture that it can paint with the default options.
        rate: pixels times iterations that it paints per second. None before its first job.
        backbones: the backbones whose weights it has.
    """

    name: str
    backbone: str
    device: str
    most_pixels: int | None = None
    rate: float | None = None
    backbones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness(_Resource):
    """The state of each part of the service, `ok` or what is wrong with it, and its workers.

    Attributes:
        warnings: reasons why Redis may lose jobs, in its configuration.
    """

    status: str
    redis: str = "unknown"
    blob_store: str = "unknown"
    workers: tuple[Worker, ...] = ()
    warnings: tuple[str, ...] = ()
