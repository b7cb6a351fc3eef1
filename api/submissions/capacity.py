"""Whether a living worker can paint a picture: with its backbone, and in its memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from api.service import Service
from api.submissions.uploads import Submission
from pastiche.memory_budget import ImageSizes
from pastiche.options import LAYER_OPTIONS, MIN_SIZE, Options, missing_layers
from pastiche.sizes import fitted
from shared.errors import FieldError, InvalidFields
from shared.inputs import Inputs
from shared.jobs import Job
from shared.pictures import size_of
from shared.workers import Worker, list_workers


@dataclass(frozen=True, slots=True)
class Demand:
    """What the memory for a picture depends on, besides its options.

    Attributes:
        pixels: the size of the picture; 0 if it is not known.
        image_bytes: about what the images that it is made from take.
    """

    pixels: int
    image_bytes: int


def compute_demand(submission: Submission) -> Demand:
    """The demand of each of a submission's jobs."""
    return _compute_demand(_measure_images(submission.pictures), submission.variants[0].options)


def get_demand(job: Job) -> Demand:
    """The demand of an earlier job."""
    return Demand(job.pixels, job.image_bytes)


async def check_capacity(submission: Submission, service: Service) -> None:
    """Checks that a living worker has the backbone of a submission, and the memory for a picture of
    its size. While no worker lives, the job may wait for one.

    Raises:
        InvalidFields: no worker has.
    """
    sizes = _measure_images(submission.pictures)
    workers = await service.jobs.run(list_workers())
    _check(submission.variants[0].options, lambda options: _compute_demand(sizes, options), workers)


async def check_retry_capacity(job: Job, service: Service) -> None:
    """The same for a job that is retried."""
    options = job.read_options()
    shape = (options.size, max(1, job.pixels // options.size))

    def demand_for(options: Options) -> Demand:
        return replace(get_demand(job), pixels=prod(fitted(*shape, options.size)))

    workers = await service.jobs.run(list_workers())
    _check(options, demand_for, workers)


def _check(
    options: Options, demand_for: Callable[[Options], Demand], workers: list[Worker]
) -> None:
    """
    Args:
        demand_for: the demand of the same picture with other options.
    """
    _check_backbone(options, workers)

    def can_be_painted(size: int) -> bool:
        resized = replace(options, size=size)
        demand = demand_for(resized)
        return any(
            worker.can_paint(resized, demand.pixels, demand.image_bytes) for worker in workers
        )

    if not workers or can_be_painted(options.size):
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
    if not workers or any(worker.has_backbone(options) for worker in workers):
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


def _compute_demand(sizes: ImageSizes, options: Options) -> Demand:
    return Demand(prod(fitted(*sizes.content, options.size)), sizes.total_bytes(options))


def _measure_images(pictures: Inputs[Path]) -> ImageSizes:
    content, styles = size_of(pictures.content), [size_of(style) for style in pictures.style]
    over_content = len(pictures.mask) + (pictures.content_map is not None)
    return ImageSizes(
        content,
        styles,
        masked=[*over_content * [content], *styles[: len(pictures.style_mask)]],
        start=None if pictures.start_image is None else size_of(pictures.start_image),
    )
