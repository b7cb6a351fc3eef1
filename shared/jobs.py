"""The job: its states, the transitions between them, and its fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import uuid4

from pastiche.job_settings import Keep, Priority, WebhookEvent
from pastiche.option_warnings import OptionWarning
from pastiche.options import OptionError, Options
from pastiche.version import __version__
from shared.errors import RecordDamaged
from shared.inputs import Inputs
from shared.progress import Progress
from shared.stored_json import field_names, known_fields

Status = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]

PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""The priorities, first to last."""

NEXT_STATES: dict[Status, frozenset[Status]] = {
    "queued": frozenset({"running", "canceled", "failed", "expired"}),
    "running": frozenset({"running", "queued", "succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
}
"""The states that may follow each state. `running → running` is a heartbeat. In `running → queued`
a worker returns its job or hands it over, or its lease has run out. If no state follows, the job is
over."""

OVER: frozenset[Status] = frozenset(status for status, after in NEXT_STATES.items() if not after)

NOBODY = "anonymous"
"""The owner of all jobs where the API needs no keys."""

DEFAULT_EVENTS: tuple[WebhookEvent, ...] = ("finished",)
"""The events of a webhook if the record names none."""

_JOB_ID = re.compile(r"[0-9a-f]{32}")


def new_job_id() -> str:
    """An id that cannot be guessed: 122 random bits as 32 hexadecimal digits."""
    return uuid4().hex


def is_job_id(text: str) -> bool:
    """Whether `text` has the form of a job's id."""
    return _JOB_ID.fullmatch(text) is not None


def read_options(job_id: str, options: Mapping[str, Any]) -> Options:
    """The options of a record, without those that this version does not know.

    Raises:
        RecordDamaged: they are invalid.
    """
    try:
        return Options(**known_fields(Options, options))
    except (OptionError, TypeError) as error:
        raise RecordDamaged(f"The options of job {job_id} cannot be read.") from error


@dataclass(frozen=True, slots=True)
class BackboneUsed:
    """The network that painted: its name, and the SHA-256 of its weights file if it has one."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class PaintingStats:
    """What a painting process measures while it paints.

    Attributes:
        device: the name of its GPU, or `CPU` and how many threads it uses.
        precision: of the network's features.
        iterations_per_second: on average since the first iteration of the attempt.
        peak_memory_bytes: its peak memory, on its GPU or else on the machine, since the attempt
            began; None if the system does not report it.
    """

    device: str
    precision: str
    iterations_per_second: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What a new job is queued with, besides its options and pictures.

    Attributes:
        caller: who submits it; callers take turns.
        work: how much there is to paint, in pixels times iterations.
        pixels: of the picture; 0 if that is not known.
        image_bytes: about how much memory its images need while it is painted.
        wait_seconds: how long it may be queued before it expires; None for no limit.
        timeout_seconds: how long waiting and painting may take together; None for no limit.
        keep: how long it is retained once it is over; None for as long as the operator allows.
        webhook_url: the URL that is notified of `webhook_events`.
        request_id: of the request that submitted it.
        traceparent: the parent span of its attempts, if it is traced.
    """

    caller: str
    work: int
    pixels: int = 0
    image_bytes: int = 0
    priority: Priority = "normal"
    wait_seconds: float | None = None
    timeout_seconds: float | None = None
    keep: Keep | None = None
    owner: str = NOBODY
    webhook_url: str | None = None
    webhook_events: tuple[WebhookEvent, ...] = DEFAULT_EVENTS
    request_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The position of a job in the queue.

    Attributes:
        position: how many jobs are before it.
        work_ahead: how much of them, and of the running jobs, is left to paint, in pixels times
            iterations.
        work_left: how much is left of the job itself.
    """

    position: int
    work_ahead: float
    work_left: float


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook of a job.

    Attributes:
        events: what it is notified of.
        pending: the events before `finished` that still have to be delivered.
        tries: how often delivery of the current event was tried.
        error: what went wrong in the last try; None if it arrived, or was not tried yet.
        again_at: when it will be tried again.
    """

    url: str
    events: tuple[WebhookEvent, ...]
    pending: tuple[WebhookEvent, ...]
    tries: int
    tried_at: datetime | None
    error: str | None
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt after which a job was queued again, because its worker may be the cause.

    Attributes:
        code: of the failure.
        worker: its `identity`.
    """

    code: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, as its record stores it. `version` goes up by one at every change.

    Attributes:
        written_by: the version of Pastiche that accepted it; '' up to 0.2.
        options: as submitted; those of a newer version may have names that this one does not know.
        unknown_inputs: the keys of pictures whose fields this version does not know.
        warnings: of options and images that have no effect, or an unexpected one.
        deadline_at: when it expires if it is still queued.
        timeout_at: when it fails if it is not over.
        keep: how long it is retained once it is over; None for as long as the operator allows.
        fence: of the newest claim, and different for each claim.
        work: how much there is to paint, in pixels times iterations.
        pixels: of the picture; 0 if that is not known.
        image_bytes: about how much memory its images need while it is painted; 0 if that is not
            known.
        weight_updates: how often its weights were changed.
        stats: the measurements of its newest attempt; None before that, or if the worker does not
            report them.
        preview_iteration: the iteration of the newest preview.
        request_id: of the request that submitted it.
        traceparent: the parent span of its attempts, if it is traced.
        attempt_traceparent: the span of the newest attempt, if it is traced.
        failed_attempts: the newest one of each worker, the oldest first.
        lost_attempts: how many attempts in a row failed with their workers, without progress.
        waiting: its position in the queue; None if it is not queued.
    """

    id: str
    written_by: str
    owner: str
    status: Status
    version: int
    options: dict[str, Any]
    inputs: Inputs[str]
    unknown_inputs: tuple[str, ...]
    warnings: tuple[OptionWarning, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    deadline_at: datetime | None
    timeout_at: datetime | None
    keep: Keep | None
    priority: Priority
    attempt: int
    fence: str | None
    work: int
    pixels: int
    image_bytes: int
    weight_updates: int
    progress: Progress | None
    backbone: BackboneUsed | None
    stats: PaintingStats | None
    preview_key: str | None
    preview_iteration: int | None
    losses_key: str | None
    result_key: str | None
    error_code: str | None
    error_detail: str | None
    cancel_requested: bool
    request_id: str | None
    traceparent: str | None
    attempt_traceparent: str | None
    failed_attempts: tuple[FailedAttempt, ...]
    lost_attempts: int
    webhook: Webhook | None
    waiting: Waiting | None

    @property
    def queue_position(self) -> int | None:
        """How many jobs are before it; None if it is not queued."""
        return self.waiting.position if self.waiting else None

    @property
    def timeout_seconds(self) -> float | None:
        """How long waiting and painting may take together; None for no limit."""
        return _seconds(self.created_at, self.timeout_at)

    @property
    def waited_seconds(self) -> float | None:
        """How long it waited for its first attempt; None if it still waits."""
        return _seconds(self.created_at, self.started_at or self.finished_at)

    @property
    def painted_seconds(self) -> float | None:
        """How long it took from its first attempt to its end; None if either is missing."""
        return _seconds(self.started_at, self.finished_at)

    @property
    def total_seconds(self) -> float | None:
        """How long it took from its submission to its end; None if it is not over."""
        return _seconds(self.created_at, self.finished_at)

    @property
    def blobs(self) -> frozenset[str]:
        """The keys of all blobs that clients and workers can still request."""
        outputs = (self.preview_key, self.losses_key, self.result_key)
        keys = (*self.inputs.all(), *self.unknown_inputs, *outputs)
        return frozenset(key for key in keys if key is not None)

    @property
    def useful_blobs(self) -> frozenset[str]:
        """The blobs that are retained once the job is over. Those of a canceled job do not include
        its input pictures, or submitting and canceling would fill the store."""
        if self.status != "canceled":
            return self.blobs
        return self.blobs.difference(self.inputs.all(), self.unknown_inputs)

    @property
    def is_known(self) -> bool:
        """Whether this version knows all its options, with their values, and pictures; if not, a
        newer one wrote it."""
        if self.unknown_inputs or not self.options.keys() <= field_names(Options):
            return False
        try:
            self.read_options()
        except RecordDamaged:
            return not _is_newer(self.written_by)
        return True

    def read_options(self) -> Options:
        """The options, as `read_options` reads them."""
        return read_options(self.id, self.options)

    @property
    def failed_workers(self) -> frozenset[str]:
        """The `identity` of each worker whose attempt has failed."""
        return frozenset(each.worker for each in self.failed_attempts)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def is_past_retention(self) -> bool:
        """Whether clients no longer get it, by this machine's clock. The reconciler deletes it by
        the clock of Redis."""
        return self.expires_at is not None and self.expires_at < datetime.now(UTC)


def _is_newer(version: str) -> bool:
    """Whether a version of Pastiche is newer than this one."""
    other, own = ([int(n) for n in re.findall(r"\d+", each)[:3]] for each in (version, __version__))
    return other > own


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
