"""The job: its states, the transitions between them, and its fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import uuid4

from pastiche.job_settings import Priority
from pastiche.option_warnings import OptionWarning
from pastiche.options import OptionError, Options
from shared.errors import DamagedRecord
from shared.inputs import Inputs
from shared.progress import Progress
from shared.stored_json import field_names, known_fields

Status = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]

LANES: tuple[Priority, ...] = get_args(Priority)
"""The priorities, first to last."""

NEXT_STATES: dict[Status, frozenset[Status]] = {
    "queued": frozenset({"running", "canceled", "failed", "expired"}),
    "running": frozenset({"running", "queued", "succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
}
"""Where a job may go from each state. `running → running` is a claim of what a worker lost,
`running → queued` a worker that gives its job back; what leads nowhere is over."""

OVER: frozenset[Status] = frozenset(status for status, ways in NEXT_STATES.items() if not ways)

NOBODY = "anonymous"
"""The owner of all jobs where the API needs no keys."""

_JOB_ID = re.compile(r"[0-9a-f]{32}")


def new_job_id() -> str:
    """An id that cannot be guessed: 122 random bits as 32 hexadecimal digits."""
    return uuid4().hex


def is_job_id(text: str) -> bool:
    """Whether `text` could be a job's id at all."""
    return _JOB_ID.fullmatch(text) is not None


def read_options(job_id: str, options: Mapping[str, Any]) -> Options:
    """The options of a record that this version knows.

    Raises:
        DamagedRecord: they are invalid.
    """
    try:
        return Options(**known_options(options))
    except (OptionError, TypeError) as error:
        raise DamagedRecord(f"The options of job {job_id} cannot be read.") from error


def known_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that this version knows, as `Options` takes them."""
    return known_fields(Options, options)


@dataclass(frozen=True, slots=True)
class BackboneUsed:
    """Which network painted: its name and the SHA-256 of its weights file, None if it has none."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the queue a new job is put.

    Attributes:
        caller: who submits; callers take turns.
        owner: whose job it is.
        webhook_url: notified when the job is over.
        request_id: of the request that it was submitted by.
        traceparent: the span that its attempts belong under, where it is traced.
        wait_seconds: how long it may wait before it expires; None for ever.
        work: how much there is to paint, in pixels times iterations.
        pixels: how many the picture will have; 0 where that is not known.
        image_bytes: about what the images that it is made from take while it is painted.
    """

    caller: str
    work: int
    pixels: int = 0
    image_bytes: int = 0
    priority: Priority = "normal"
    wait_seconds: float | None = None
    owner: str = NOBODY
    webhook_url: str | None = None
    request_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where in the queue a job is.

    Attributes:
        position: how many jobs wait before it.
        work_ahead: how much they, and those that are being painted, have left to paint, in pixels
            times iterations.
        work_left: how much it has itself.
    """

    position: int
    work_ahead: float
    work_left: float


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook of a job's end, delivered or still to be.

    Attributes:
        tries: how often that was tried.
        error: what went wrong the last time; None where it arrived, or was not tried yet.
        again_at: when it is tried again.
    """

    url: str
    tries: int
    tried_at: datetime | None
    error: str | None
    again_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its record has it. `version` goes up by one at every change.

    Attributes:
        fence: of the newest claim; no other claim has the same.
        preview_iteration: after which iteration the newest preview was taken.
        request_id: of the request that it was submitted by.
        traceparent: the span that its attempts belong under, where it is traced.
        attempt_traceparent: the span of the newest attempt, where it is traced.
        deadline_at: when it expires, should it still wait.
        options: as they were submitted; a newer version's may have names that this one does not
            know.
        unknown_inputs: the keys of pictures whose fields this version does not know.
        work: how much there is to paint, in pixels times iterations.
        pixels: how many the picture will have; 0 where that is not known.
        image_bytes: about what the images that it is made from take while it is painted; 0 where
            that is not known.
        weight_updates: how often its weights were changed.
        warnings: what of its options and images does not do what it seems to ask for.
        waiting: where in the queue it is, None where it does not wait.
    """

    id: str
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
    priority: Priority
    attempt: int
    fence: str | None
    work: int
    pixels: int
    image_bytes: int
    weight_updates: int
    progress: Progress | None
    backbone: BackboneUsed | None
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
    webhook: Webhook | None
    waiting: Waiting | None

    @property
    def queue_position(self) -> int | None:
        """How many jobs wait before it, None where it does not wait."""
        return self.waiting.position if self.waiting else None

    @property
    def blobs(self) -> frozenset[str]:
        """The keys of all that clients and workers can still ask for."""
        shown = (self.preview_key, self.losses_key, self.result_key)
        keys = (*self.inputs.all(), *self.unknown_inputs, *shown)
        return frozenset(key for key in keys if key is not None)

    @property
    def useful_blobs(self) -> frozenset[str]:
        """Those that stay once the job is over: not the input pictures where it was canceled,
        or submitting and canceling would fill the store."""
        if self.status != "canceled":
            return self.blobs
        return self.blobs.difference(self.inputs.all(), self.unknown_inputs)

    @property
    def is_known(self) -> bool:
        """Whether this version knows all of its options and pictures; else a newer one wrote it."""
        return not self.unknown_inputs and self.options.keys() <= field_names(Options)

    def read_options(self) -> Options:
        """The options that this version knows.

        Raises:
            DamagedRecord: they are invalid.
        """
        return read_options(self.id, self.options)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def is_past_retention(self) -> bool:
        return self.expires_at is not None and self.expires_at < datetime.now(UTC)
