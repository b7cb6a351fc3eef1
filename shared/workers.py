"""The workers that are alive or were so recently, and what each reports about itself."""

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pastiche.memory_budget import ComputedIn, Memory
from pastiche.options import LAYER_OPTIONS, Options, missing_layers
from pastiche.painting_speed import PaintingSpeed
from shared.job_store import Argument, Transition, milliseconds

log = logging.getLogger(__name__)

_KEYS = {"workers": "{workers}:about", "seen": "{workers}:seen"}

REMEMBERED_SECONDS = 600.0
"""How long a worker that is no longer alive is remembered: it may only be restarting, or cut off
from Redis."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One live worker.

    Attributes:
        backbone: the one that `auto` selects.
        most_pixels: the size limit of a picture with the default options, given its memory.
        rate: pixels times iterations per second, measured on its last jobs; None before the first.
        memory_bytes: how much it has allocated of its GPU's memory, or of the machine's.
        backbones: those whose weights it has; empty if it does not report them.
        free_bytes: the memory for a job, including its images, as measured before the current one;
            None if it does not report that.
        limit_bytes: how much of it one painting may use; None for all of it.
        computed_in: the precision of its networks if the options do not set it.
        overhead_seconds, iteration_seconds, start_seconds: its speed, measured on its last jobs.
        device_bytes: all memory of its GPU, or of the machine or its container; like the next two,
            None if it does not report that.
        is_painting: whether it has claimed a job.
        started_at: since when it is ready, in seconds since 1970, by the clock of its machine.
        instance: what stays the same when its painting process is replaced; '' if it does not
            report that.
    """

    name: str
    backbone: str
    device: str
    most_pixels: int
    rate: float | None = None
    memory_bytes: int | None = None
    backbones: tuple[str, ...] = ()
    free_bytes: int | None = None
    limit_bytes: int | None = None
    computed_in: ComputedIn = "float32"
    overhead_seconds: float = 0.0
    iteration_seconds: tuple[tuple[int, float], ...] = ()
    start_seconds: float = 0.0
    device_bytes: int | None = None
    is_painting: bool | None = None
    started_at: float | None = None
    instance: str = ""

    @property
    def identity(self) -> str:
        """The name by which the records of jobs identify it."""
        return self.instance or self.name

    @property
    def speed(self) -> PaintingSpeed:
        """How long a picture takes, measured on its last jobs."""
        return PaintingSpeed(
            self.rate, self.overhead_seconds, self.iteration_seconds, self.start_seconds
        )

    def can_paint(self, options: Options, pixels: int, image_bytes: int) -> bool:
        """Whether it has the backbone that a job's options choose, and the memory for its picture.

        Args:
            pixels: how many the picture will have.
            image_bytes: how much memory the images that it is made from take.
        """
        if not self.has_backbone(options):
            return False
        if self.free_bytes is None:
            return pixels <= self.most_pixels
        backbone = self.backbone if options.backbone == "auto" else options.backbone
        memory = Memory(self.free_bytes, self.limit_bytes, self.computed_in)
        return pixels <= memory.most_pixels(options, backbone, image_bytes)

    def has_backbone(self, options: Options) -> bool:
        """Whether it has the backbone that a job's options choose, with all its layers."""
        choice = options.backbone
        if choice != "auto" and self.backbones and choice not in self.backbones:
            return False
        name = self.backbone if choice == "auto" else choice
        return not any(missing_layers(name, getattr(options, each)) for each in LAYER_OPTIONS)


def register_worker(worker: Worker, *, ttl_seconds: float) -> Transition[bool]:
    """Registers a live worker, for `ttl_seconds`."""
    arguments: dict[str, Argument] = {
        "name": worker.name,
        "report": json.dumps(asdict(worker)),
        "ttl_ms": milliseconds(ttl_seconds),
    }
    return Transition("register_worker", _KEYS, arguments, bool)


def list_workers() -> Transition[list[Worker]]:
    """Every live worker, by name."""
    return _list_workers(0.0)


def list_recent_workers() -> Transition[list[Worker]]:
    """Every worker that lives or is remembered, by name."""
    return _list_workers(REMEMBERED_SECONDS)


def _list_workers(recent_seconds: float) -> Transition[list[Worker]]:
    arguments: dict[str, Argument] = {
        "recent_ms": milliseconds(recent_seconds),
        "remembered_ms": milliseconds(REMEMBERED_SECONDS),
    }
    return Transition("list_workers", _KEYS, arguments, _read_workers)


def _read_workers(reply: Any) -> list[Worker]:
    found = (_read_worker(report) for report in reply)
    return sorted((each for each in found if each is not None), key=lambda worker: worker.name)


_REPORT = TypeAdapter(Worker)
"""Checks the types of a report, which a later comparison relies on; ignores unknown fields."""


def _read_worker(report: str) -> Worker | None:
    """The worker in a report, which a newer version may have written; None if it is damaged."""
    try:
        return _REPORT.validate_json(report)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "JSON"
        log.error("The report of a worker cannot be read: %s: %s", field, fault["msg"])
        return None
