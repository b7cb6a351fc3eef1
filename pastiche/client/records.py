"""What a service tells: jobs, sweeps, losses, estimates, workers. Frozen; a newer service may say
more than is known here, and `answer` has all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pastiche.client.reading import WHOLE

Format = Literal["png", "jpeg", "webp"]
Status = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]

OVER = ("succeeded", "failed", "canceled", "expired")


def _mapping() -> Any:
    return field(default_factory=dict, hash=False)


def _answer() -> Any:
    return field(default_factory=dict, metadata={WHOLE: True}, repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """The network that paints; the SHA-256 of its weights file, None without one."""

    name: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The objective's terms, each with its weight in it; they add up to `total`.

    Attributes:
        gamut: what colours cost that no screen can show; None where the service is an older one.
    """

    content: float
    style: float
    tv: float
    total: float
    gamut: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurves:
    """Columns of the same length: what each iteration was, and what each term was after it."""

    iterations: tuple[int, ...] = ()
    scales: tuple[int, ...] = ()
    content: tuple[float, ...] = ()
    style: tuple[float, ...] = ()
    tv: tuple[float, ...] = ()
    total: tuple[float, ...] = ()
    gamut: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWarning:
    """An option or an image of a job that does not do what it seems to ask for: its name, a code
    and a sentence."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What an address is told when the job is over, and what came of it."""

    url: str
    status: str
    tries: int = 0
    tried_at: datetime | None = None
    error: str | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        version: of the job, which goes up by one at every change.
        progress: the share of the iterations that is done, in 0 to 1.
        scale: which scale of the pyramid is painted, as “2/3”.
        eta_seconds: when the picture may be expected; None rather than made up.
        answer: all that the service said.
    """

    version: int = 0
    progress: float = 0.0
    iteration: int = 0
    iterations: int = 0
    scale: str | None = None
    eta_seconds: float | None = None
    losses: Losses | None = None
    answer: Mapping[str, Any] = _answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Progress):
    """A job: what was asked for, how far it is, and how it ended.

    Attributes:
        status: one of `Status`, or what a newer service calls it.
        queue_position: how many jobs wait before this one.
        attempt: how many times a worker has taken the job.
        expires_at: until when its picture can be fetched, once it is over.
    """

    id: str
    status: str
    queue_position: int | None = None
    priority: str = "normal"
    deadline_at: datetime | None = None
    attempt: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    options: Mapping[str, Any] = _mapping()
    warnings: tuple[JobWarning, ...] = ()
    backbone: Backbone | None = None
    error: Failure | None = None
    webhook: Webhook | None = None
    links: Mapping[str, str] = _mapping()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One job of a sweep: those of its options that are others in the other jobs, and how it
    stands; None once it was erased."""

    id: str
    values: Mapping[str, float] = _mapping()
    job: Job | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One pair of images, a grid of weights, a job for each."""

    id: str
    is_over: bool
    created_at: datetime | None = None
    jobs: tuple[Member, ...] = ()
    answer: Mapping[str, Any] = _answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a submission would come to; nothing was kept of it."""

    megapixel_iterations: float
    queue_position: int
    eta_seconds: float | None = None
    jobs: int = 1
    options: Mapping[str, Any] = _mapping()
    warnings: tuple[JobWarning, ...] = ()
    answer: Mapping[str, Any] = _answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One that lives.

    Attributes:
        backbone: the one that `auto` gives there.
        most_pixels: how many a picture may have to be painted there with the default options.
        rate: how many pixels times iterations it paints a second; None before its first job.
        backbones: those whose weights it has.
    """

    name: str
    backbone: str
    device: str
    most_pixels: int | None = None
    rate: float | None = None
    backbones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What a job needs, part by part: `ok`, or what is wrong with it; and who would paint it."""

    status: str
    redis: str = "unknown"
    blob_store: str = "unknown"
    workers: tuple[Worker, ...] = ()
    answer: Mapping[str, Any] = _answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the caller's jobs; where the list goes on, None at its end."""

    jobs: tuple[Job, ...]
    next_cursor: str | None = None
