"""Whether a worker that lives can paint a picture: with its backbone, and in its memory."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from api.service import Service
from api.uploads import Submission
from pastiche.memory import ImageSizes
from pastiche.options import LAYER_OPTIONS, Options, meaning_of, missing_layers
from pastiche.sizes import fitted
from shared.errors import FieldError, InvalidFields
from shared.inputs import Inputs
from shared.jobs import Job
from shared.pictures import size_of
from shared.workers import Worker, list_workers


@dataclass(frozen=True, slots=True)
class Demand:
    """What a picture takes of a worker's memory, beside what its options say.

    Attributes:
        pixels: how many it will have; 0 where that is not known.
        image_bytes: about what the images take that it is made from.
    """

    pixels: int
    image_bytes: int


def demand_of(submission: Submission) -> Demand:
    """The demand of each of a submission's pictures."""
    options = Options(**submission.variants[0].options)
    return _demand(_image_sizes(submission.pictures), options)


def demand_again(job: Job) -> Demand:
    """The demand of a job that is to be done again."""
    return Demand(job.pixels, job.image_bytes)


async def check_capacity(submission: Submission, service: Service) -> None:
    """Raises InvalidFields where no worker that lives has the backbone of a submission and the
    memory for a picture of this size. Where none lives, the job may wait for one."""
    sizes = _image_sizes(submission.pictures)
    workers = await service.jobs.run(list_workers())
    _check(
        Options(**submission.variants[0].options), lambda wanted: _demand(sizes, wanted), workers
    )


async def check_capacity_again(job: Job, service: Service) -> None:
    """The same for a job that is to be done again."""
    options = job.read_options()
    shape = (options.size, max(1, job.pixels // options.size))

    def demand(wanted: Options) -> Demand:
        return replace(demand_again(job), pixels=prod(fitted(*shape, wanted.size)))

    workers = await service.jobs.run(list_workers())
    _check(options, demand, workers)


def _check(
    options: Options, demand_for: Callable[[Options], Demand], workers: list[Worker]
) -> None:
    """
    Args:
        demand_for: what the same picture takes with these options.
    """
    _check_backbone(asdict(options), workers)

    def can_be_painted(size: int) -> bool:
        wanted = replace(options, size=size)
        demand = demand_for(wanted)
        return any(
            worker.can_paint(wanted, demand.pixels, demand.image_bytes) for worker in workers
        )

    if not workers or can_be_painted(options.size):
        return
    largest = _largest(can_be_painted, options.size)
    sentence = f"For this picture at most {largest} pixels can be painted: the memory ends there."
    if largest is None:
        sentence = "No worker has the memory for this picture, whatever its size."
    raise InvalidFields([FieldError("size", "size_too_large", sentence)])


def _largest(can_be_painted: Callable[[int], bool], beyond: int) -> int | None:
    """The largest size that can be painted, below one that cannot; None where there is none."""
    smallest = int(meaning_of("size").minimum or 1)
    below, above = smallest - 1, beyond
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if can_be_painted(middle) else (below, middle)
    return below if below >= smallest else None


def _check_backbone(options: Mapping[str, Any], workers: list[Worker]) -> None:
    if not workers or any(worker.has_backbone(options) for worker in workers):
        return
    choice = options["backbone"]
    there = sorted({name for worker in workers for name in worker.backbones})
    if choice != "auto" and choice not in there:
        sentence = (
            f"No worker has the weights of {choice}; there are {', '.join(there)}. Name one of "
            f"these as `backbone`, or have the operator run `pastiche weights {choice}`."
        )
        raise InvalidFields([FieldError("backbone", "backbone_missing", sentence)])
    name = workers[0].backbone if choice == "auto" else choice
    raise InvalidFields(
        [
            FieldError(each, "invalid_value", f"The {name} backbone here has no {layer}.")
            for each in LAYER_OPTIONS
            for layer in missing_layers(name, options[each])
        ]
    )


def _demand(sizes: ImageSizes, options: Options) -> Demand:
    return Demand(prod(fitted(*sizes.content, options.size)), sizes.total_bytes(options))


def _image_sizes(pictures: Inputs[Path]) -> ImageSizes:
    content, styles = size_of(pictures.content), [size_of(style) for style in pictures.style]
    over_content = len(pictures.mask) + (pictures.content_map is not None)
    return ImageSizes(
        content,
        styles,
        masked=[*over_content * [content], *styles[: len(pictures.style_mask)]],
        start=None if pictures.start_image is None else size_of(pictures.start_image),
    )
