"""What a worker says of itself while it lives, for the health page."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from shared.calls import Transition

_KEYS = ("{workers}:about", "{workers}:seen")


@dataclass(frozen=True, slots=True)
class Worker:
    """One living worker.

    Attributes:
        backbone: the one that `auto` gives there.
        most_pixels: how many a picture may have to be painted there, by what it has of memory.
        rate: how many pixels times iterations it paints a second, by its last jobs; None before
            its first.
        memory_bytes: what it has taken of its card's memory, or of the machine's.
    """

    name: str
    backbone: str
    device: str
    most_pixels: int
    rate: float | None = None
    memory_bytes: int | None = None


def present(worker: Worker, *, believed_seconds: float) -> Transition[bool]:
    """The worker lives, and is believed to for so long."""
    arguments = (worker.name, json.dumps(asdict(worker)), round(believed_seconds * 1000))
    return Transition("present", _KEYS, arguments, bool)


def living() -> Transition[list[Worker]]:
    """Every worker that lives, by name."""
    return Transition("workers", _KEYS, (), _workers)


def _workers(reply: Any) -> list[Worker]:
    return sorted((Worker(**json.loads(about)) for about in reply), key=lambda worker: worker.name)
