"""What a worker says of itself while it lives, for the health page."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pastiche.memory import ComputedIn, Memory
from pastiche.options import LAYER_OPTIONS, Options, missing_layers
from shared.calls import Transition
from shared.known_fields import known_fields

log = logging.getLogger(__name__)

_KEYS = ("{workers}:about", "{workers}:seen")


@dataclass(frozen=True, slots=True)
class Worker:
    """One living worker.

    Attributes:
        backbone: the one that `auto` gives there.
        most_pixels: how many a picture may have to be painted there with the default options, by
            what it has of memory.
        rate: how many pixels times iterations it paints a second, by its last jobs; None before
            its first.
        memory_bytes: what it has taken of its card's memory, or of the machine's.
        backbones: those whose weights it has; none where it does not say.
        free_bytes: how much memory there is for a job, its images included, as measured before the
            one that it paints; None where it does not say.
        limit_bytes: how much of it one painting may plan with; None for all of it.
        computed_in: what its networks compute in where the options leave it open.
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

    def can_paint(self, options: Options, pixels: int, image_bytes: int) -> bool:
        """Whether it has the backbone that a job's options choose, and the memory for its picture.

        Args:
            pixels: how many the picture will have.
            image_bytes: what the images that it is made from take.
        """
        if not self.has_backbone(asdict(options)):
            return False
        if self.free_bytes is None:
            return pixels <= self.most_pixels
        backbone = self.backbone if options.backbone == "auto" else options.backbone
        memory = Memory(self.free_bytes, self.limit_bytes, self.computed_in)
        return pixels <= memory.most_pixels(options, backbone, image_bytes)

    def has_backbone(self, options: Mapping[str, Any]) -> bool:
        """Whether it has the backbone that a job's options choose, with all its layers."""
        return has_backbone(options, self.backbone, self.backbones)


def has_backbone(options: Mapping[str, Any], automatic: str, backbones: Collection[str]) -> bool:
    """Whether the backbone that a job's options choose, with all its layers, is among these.

    Args:
        automatic: the backbone that `auto` stands for.
        backbones: those whose weights are there; empty where that is not known.
    """
    choice = options.get("backbone", "auto")
    if choice != "auto" and backbones and choice not in backbones:
        return False
    name = automatic if choice == "auto" else choice
    return not any(missing_layers(name, options.get(each, ())) for each in LAYER_OPTIONS)


def present(worker: Worker, *, believed_seconds: float) -> Transition[bool]:
    """The worker lives, and is believed to for so long."""
    arguments = (worker.name, json.dumps(asdict(worker)), round(believed_seconds * 1000))
    return Transition("present", _KEYS, arguments, bool)


def living() -> Transition[list[Worker]]:
    """Every worker that lives, by name."""
    return Transition("workers", _KEYS, (), _workers)


def _workers(reply: Any) -> list[Worker]:
    found = (_worker(about) for about in reply)
    return sorted((each for each in found if each is not None), key=lambda worker: worker.name)


def _worker(about: str) -> Worker | None:
    """What a worker says of itself, as far as this version knows it; None where it cannot be
    read."""
    try:
        known = known_fields(Worker, json.loads(about))
        return Worker(**known | {"backbones": tuple(known.get("backbones", ()))})
    except (AttributeError, TypeError, ValueError) as error:
        log.error("A worker says of itself what cannot be read: %s", error)
        return None
