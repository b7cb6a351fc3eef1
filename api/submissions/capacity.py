"""Whether a living worker can paint a picture: with its backbone, and in its memory."""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import NamedTuple

from api.service import Service
from pastiche.memory import ImageSizes
from pastiche.options import LAYER_OPTIONS, MIN_SIZE, Options, missing_layers
from pastiche.sizes import fitted
from shared.errors import FieldError, InvalidFields
from shared.jobs import Job
from shared.workers import Worker, list_workers


class Demand(NamedTuple):
    """What the memory for a picture depends on, besides its options.

    Attributes:
        pixels: the size of the picture; 0 if it is not known.
        image_bytes: about what the images that it is made from take.
    """

    pixels: int
    image_bytes: int


def compute_demand(options: Options, sizes: ImageSizes) -> Demand:
    """The demand of a picture of images with these sizes."""
    return Demand(prod(fitted(*sizes.content, options.size)), sizes.total_bytes(options))


async def check_capacity(options: Options, sizes: ImageSizes, service: Service) -> None:
    """Checks that a living worker has the backbone that the options choose, and the memory for a
    picture of its size. While no worker lives, the job may wait for one.

    Raises:
        InvalidFields: no worker has.
    """
    await _check(options, lambda resized: compute_demand(resized, sizes), service)


async def check_retry_capacity(job: Job, service: Service) -> None:
    """The same for a job that is retried."""
    options = job.read_options()
    shape = (options.size, max(1, job.pixels // options.size))

    def demand_for(resized: Options) -> Demand:
        return Demand(prod(fitted(*shape, resized.size)), job.image_bytes)

    await _check(options, demand_for, service)


async def _check(
    options: Options, demand_for: Callable[[Options], Demand], service: Service
) -> None:
    """
    Args:
        demand_for: the demand of the same picture with other options.
    """
    workers = await service.jobs.run(list_workers())
    if not workers:
        return
    _check_backbone(options, workers)

    def can_be_painted(size: int) -> bool:
        resized = replace(options, size=size)
        demand = demand_for(resized)
        return any(worker.can_paint(resized, *demand) for worker in workers)

    if can_be_painted(options.size):
        return
    largest = _find_largest(can_be_painted, options.size)
    sentence = f"For this picture at most {largest} pixels can be painted: the memory ends there."
    if largest is None:
        sentence = "No worker has the memory for this picture, whatever its size."
    raise InvalidFields([FieldError("size", "size_too_large", sentence)])


def _find_largest(can_be_painted: Callable[[int], bool], beyond: int) -> int | None:
    """The largest size that can be painted, below one that cannot; None if there is none."""
    below, above = MIN_SIZE - 1, beyond
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if can_be_painted(middle) else (below, middle)
    return below if below >= MIN_SIZE else None


def _check_backbone(options: Options, workers: list[Worker]) -> None:
    if any(worker.has_backbone(options) for worker in workers):
        return
    choice = options.backbone
    available = sorted({name for worker in workers for name in worker.backbones})
    if choice != "auto" and choice not in available:
        sentence = (
            f"No worker has the weights of {choice}; there are {', '.join(available)}. Name one of "
            f"these as `backbone`, or have the operator run `pastiche weights {choice}`."
        )
        raise InvalidFields([FieldError("backbone", "backbone_missing", sentence)])
    name = workers[0].backbone if choice == "auto" else choice
    raise InvalidFields(
        [
            FieldError(each, "invalid_value", f"The {name} backbone here has no {layer}.")
            for each in LAYER_OPTIONS
            for layer in missing_layers(name, getattr(options, each))
        ]
    )
