"""The job: its states, the ways between them, and what a client is told of it."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import uuid4

from pastiche.option_warnings import OptionWarning
from pastiche.options import OptionError, Options
from shared.errors import DamagedRecord
from shared.known_fields import field_names, known_fields

Status = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]

Priority = Literal["high", "normal", "low"]
LANES: tuple[Priority, ...] = ("high", "normal", "low")
"""The priorities, first to last."""

NEXT: dict[Status, frozenset[Status]] = {
    "queued": frozenset({"running", "canceled", "failed", "expired"}),
    "running": frozenset({"running", "queued", "succeeded", "failed", "canceled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
    "expired": frozenset(),
}
"""Where a job may go from each state. `running → running` is a claim of what a worker lost,
`running → queued` a worker that gives its job back; what leads nowhere is over."""

OVER: frozenset[Status] = frozenset(status for status, ways in NEXT.items() if not ways)

NOBODY = "anonymous"
"""Whose jobs they are where nobody is asked for a key."""

_JOB_ID = re.compile(r"[0-9a-f]{32}")


def new_job_id() -> str:
    """A name that cannot be guessed: 122 random bits as 32 hexadecimal digits."""
    return uuid4().hex


def is_job_id(text: str) -> bool:
    """Whether `text` could be a job's name at all."""
    return _JOB_ID.fullmatch(text) is not None


_SINGLE = ("content", "start_image", "content_map")
_SEVERAL = ("style", "mask", "style_mask")

Picture = TypeVar("Picture")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Inputs(Generic[Picture]):
    """A job's normalised pictures: as files, as keys in the blob store, or as bytes.

    The fields are those of `shared.picture_fields`, several where there may be several.
    """

    content: Picture
    style: tuple[Picture, ...]
    mask: tuple[Picture, ...] = ()
    style_mask: tuple[Picture, ...] = ()
    start_image: Picture | None = None
    content_map: Picture | None = None

    def mapped(self, function: Callable[[Picture], Other]) -> "Inputs[Other]":
        """The same pictures in another form."""

        def several(pictures: tuple[Picture, ...]) -> tuple[Other, ...]:
            return tuple(function(picture) for picture in pictures)

        return Inputs(
            content=function(self.content),
            style=several(self.style),
            mask=several(self.mask),
            style_mask=several(self.style_mask),
            start_image=None if self.start_image is None else function(self.start_image),
            content_map=None if self.content_map is None else function(self.content_map),
        )

    def by_field(self) -> "dict[str, list[Picture]]":
        """Every picture, under the name of its field."""
        several = {name: list(getattr(self, name)) for name in _SEVERAL}
        single = {name: getattr(self, name) for name in _SINGLE}
        return several | {n: [] if each is None else [each] for n, each in single.items()}

    def all(self) -> Iterator[Picture]:
        """Every picture."""
        yield from (self.content, *self.style, *self.mask, *self.style_mask)
        yield from (each for each in (self.start_image, self.content_map) if each is not None)


def inputs_to_json(inputs: Inputs[str]) -> str:
    """Keys, as the record has them."""
    return json.dumps(asdict(inputs))


def inputs_from_json(text: str) -> tuple[Inputs[str], dict[str, tuple[str, ...]]]:
    """Keys, out of the record, and those of the fields that this version does not know.

    Raises:
        TypeError, ValueError: it is no object of keys.
    """
    fields = {name: _keys(value) for name, value in _object(text).items()}
    unknown = {name: keys for name, keys in fields.items() if name not in (*_SINGLE, *_SEVERAL)}
    content, start_image, content_map = (next(iter(fields.get(name, ())), None) for name in _SINGLE)
    if content is None:
        raise ValueError("There is no content image.")
    style, mask, style_mask = (fields.get(name, ()) for name in _SEVERAL)
    return Inputs(content, style, mask, style_mask, start_image, content_map), unknown


def _keys(value: Any) -> tuple[str, ...]:
    """The keys of one field, in whatever form: one, several, or None."""
    keys = tuple(value) if isinstance(value, list) else () if value is None else (value,)
    if not all(isinstance(key, str) for key in keys):
        raise TypeError("These are no keys.")
    return keys


def _object(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        TypeError, ValueError: it is something else.
    """
    read = json.loads(text)
    if not isinstance(read, dict):
        raise TypeError("This is no JSON object.")
    return read


def read_options(job_id: str, options: Mapping[str, Any]) -> Options:
    """The options of a record that this version knows.

    Raises:
        DamagedRecord: they are none that there can be.
    """
    try:
        return Options(**known_options(options))
    except (OptionError, TypeError) as error:
        raise DamagedRecord(f"The options of job {job_id} cannot be read.") from error


def known_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that this version knows, as `Options` takes them."""
    return known_fields(Options, options)


def warnings_to_json(warnings: Sequence[OptionWarning]) -> str:
    """Warnings, as the record has them: '' where there are none, and the record has no field."""
    return json.dumps([asdict(warning) for warning in warnings]) if warnings else ""


def warnings_from_json(text: str) -> tuple[OptionWarning, ...]:
    """Warnings, out of the record."""
    return tuple(OptionWarning(**known_fields(OptionWarning, each)) for each in json.loads(text))


def origin_to_text(request_id: str | None, traceparent: str | None) -> str:
    """Where a job comes from, as the record has it: in one field, since one more would double the
    table that Redis keeps of a waiting job's fields."""
    return f"{request_id or ''} {traceparent or ''}".rstrip()


def origin_from_text(text: str) -> tuple[str | None, str | None]:
    """The request and the `traceparent`, out of the record."""
    request_id, _, traceparent = text.partition(" ")
    return request_id or None, traceparent or None


TERMS = ("content", "style", "tv")
"""The losses that records have had by name from the beginning; `gamut` came later."""


def rest_of(total: float, terms: Iterable[float]) -> float:
    """What of a total no term names: the gamut's cost, where a record has no name for it."""
    return max(0.0, total - sum(terms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a running job is.

    Attributes:
        work: the share of the cost that is done, in 0 to 1.
        losses: `content`, `style`, `tv` and `gamut`, each with its weight in it, and `total`,
            their sum.
    """

    iteration: int
    iterations: int
    scale: int
    scales: int
    work: float
    eta_seconds: float | None
    losses: dict[str, float]

    def to_json(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        kept = known_fields(cls, _object(text))
        losses = kept["losses"]
        if "gamut" not in losses:
            losses["gamut"] = rest_of(losses["total"], (losses[name] for name in TERMS))
        return cls(**kept)


@dataclass(frozen=True, slots=True)
class BackboneUsed:
    """Which network painted: its name and the SHA-256 of its weights file, None if it has none."""

    name: str
    sha256: str | None


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
    """What an address was told of a job's end, or will be.

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
        reweighed: how often its weights were changed.
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
    reweighed: int
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
        """Those that are kept once the job is over: not the input pictures where it was canceled,
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
            DamagedRecord: they are none that there can be.
        """
        return read_options(self.id, self.options)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def is_past_retention(self) -> bool:
        return self.expires_at is not None and self.expires_at < datetime.now(UTC)

    @classmethod
    def from_record(cls, record: dict[str, str], waiting: Waiting | None = None) -> "Job":
        """The job in a Redis hash.

        Raises:
            DamagedRecord: it lacks what every record of this version has.
        """
        try:
            return cls(**_read(record), waiting=waiting)
        except _UNREADABLE as error:
            sentence = f"The record of job {record.get('id', '?')} cannot be read."
            raise DamagedRecord(sentence) from error


_UNREADABLE = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, OSError)
"""What reading text that is none of ours may raise; OSError for a moment that no clock knows."""


def _read(record: dict[str, str]) -> dict[str, Any]:
    """The fields of a job, out of those of its record; one from before there were priorities is
    normal, and how much there is to paint of it is not known; one from before there were owners is
    nobody's; one without warnings has no field for them."""
    progress = record.get("progress")
    backbone = record.get("backbone_name")
    request_id, traceparent = origin_from_text(record.get("request_id", ""))
    inputs, unknown_inputs = inputs_from_json(record["inputs"])
    return {
        "id": record["id"],
        "owner": record.get("owner", NOBODY),
        "status": cast(Status, record["status"]),  # the scripts write no other
        "version": int(record["version"]),
        "options": _object(record["options"]),
        "inputs": inputs,
        "unknown_inputs": tuple(key for keys in unknown_inputs.values() for key in keys),
        "warnings": warnings_from_json(record.get("warnings", "[]")),
        "created_at": _moment(record["created_ms"]),
        "started_at": _moment_if(record.get("started_ms")),
        "finished_at": _moment_if(record.get("finished_ms")),
        "expires_at": _moment_if(record.get("expires_ms")),
        "deadline_at": _moment_if(record.get("deadline_ms")),
        "priority": LANES[int(record.get("lane", 1))],
        "attempt": int(record["attempt"]),
        "fence": record.get("fence"),
        "work": int(record.get("work", 0)),
        "pixels": int(record.get("pixels", 0)),
        "image_bytes": int(record.get("image_bytes", 0)),
        "reweighed": int(record.get("reweighed", 0)),
        "progress": Progress.from_json(progress) if progress else None,
        "backbone": BackboneUsed(backbone, record.get("backbone_sha256")) if backbone else None,
        "preview_key": record.get("preview_key"),
        "preview_iteration": _number_if(record.get("preview_iteration")),
        "losses_key": record.get("losses_key"),
        "result_key": record.get("result_key"),
        "error_code": record.get("error_code"),
        "error_detail": record.get("error_detail"),
        "cancel_requested": "cancel_requested" in record,
        "request_id": request_id,
        "traceparent": traceparent,
        "attempt_traceparent": record.get("attempt_traceparent"),
        "webhook": _webhook(record) if "webhook_url" in record else None,
    }


def _webhook(record: dict[str, str]) -> Webhook:
    return Webhook(
        url=record["webhook_url"],
        tries=int(record.get("webhook_tries", 0)),
        tried_at=_moment_if(record.get("webhook_tried_ms")),
        error=record.get("webhook_error") or None,
        again_at=_moment_if(record.get("webhook_again_ms")),
    )


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)


def _moment_if(milliseconds: str | None) -> datetime | None:
    return _moment(milliseconds) if milliseconds else None


def _number_if(text: str | None) -> int | None:
    return int(text) if text else None
