"""The engine's one caller: PNG files and options in, a PNG file out. Loads torch."""

import logging
from collections.abc import Generator
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor

from pastiche.engine.allocator import give_back_freed_memory, keep_freed_memory
from pastiche.engine.backbones import BackboneSource, choose_backbone
from pastiche.engine.images import from_pil, mask_from_pil, to_pil
from pastiche.engine.inputs import Inputs as EngineInputs
from pastiche.engine.precision import best_device
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.room import room_for
from pastiche.engine.scenes import Scenes
from pastiche.engine.stylize import Command, followed, paint
from pastiche.engine.weights import MissingWeights
from pastiche.options import Options
from shared.jobs import Inputs
from shared.jobs import Progress as JobProgress
from shared.pictures import encode_png
from shared.settings import Settings
from shared.workers import Worker
from worker.attempt import Attempt, PaintingFailed
from worker.presence import worker_name

log = logging.getLogger(__name__)

SCENES = Scenes()
"""What this process knows of the images of its last jobs: a sweep has the same ones each time."""


def prepare(process_id: int, settings: Settings) -> Worker:
    """Makes this process one that paints, and gives what it says of itself."""
    keep_freed_memory()
    backbone = choose_backbone("auto", settings.weights_folder)
    most_pixels = room_for(Options(), best_device(), settings.memory_bytes).most_pixels(Options())
    return Worker(worker_name(process_id), backbone.name, device_name(), most_pixels)


def device_name() -> str:
    """The card's name, or how many processor cores paint, and in which precision."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def choose(options: Options, settings: Settings) -> BackboneSource:
    """The backbone that these options choose on this machine.

    Raises:
        PaintingFailed: it needs weights that are not there.
    """
    try:
        return choose_backbone(options.backbone, settings.weights_folder)
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error


def paint_picture(
    pictures: Inputs[bytes], options: Options, backbone: BackboneSource, watch: Attempt
) -> bytes:
    """The pastiche as a PNG file; `watch` hears of every iteration and may end it.

    Raises:
        AttemptEnded: what `watch` raised.
        PaintingFailed: the memory does not suffice, or the optimisation ran off.
    """

    def tell(progress: Progress) -> None:
        watch.tell_progress(_as_told(progress, watch.seconds_painting))

    try:
        painting = _painting(pictures, options, backbone, watch)
        picture = followed(painting, tell)
    except Diverged as error:
        raise PaintingFailed("painting_diverged") from error
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise PaintingFailed("out_of_memory") from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # the processor's allocator has no own type
            raise
        raise PaintingFailed("out_of_memory") from error
    finally:
        give_back_freed_memory()
    log.info("Job %s: optimised", watch.job.id)
    return encode_png(to_pil(picture))


def _painting(
    pictures: Inputs[bytes], options: Options, backbone: BackboneSource, watch: Attempt
) -> Generator[Progress, Command | None, Tensor]:
    return paint(
        EngineInputs(
            content=_image(pictures.content),
            styles=tuple(_image(style) for style in pictures.style),
            masks=tuple(_mask(mask) for mask in pictures.mask),
            style_masks=tuple(_mask(mask) for mask in pictures.style_mask),
            start=None if pictures.start_image is None else _image(pictures.start_image),
            content_map=None if pictures.content_map is None else _mask(pictures.content_map),
        ),
        options,
        backbone=backbone,
        memory=watch.studio.settings.memory_bytes,
        between_tiles=watch.check,
        scenes=SCENES,
    )


def _image(png: bytes) -> Tensor:
    with Image.open(BytesIO(png), formats=("PNG",)) as picture:
        return from_pil(picture)


def _mask(png: bytes) -> Tensor:
    with Image.open(BytesIO(png), formats=("PNG",)) as picture:
        return mask_from_pil(picture)


def _as_told(progress: Progress, seconds: float) -> JobProgress:
    """The engine's progress in the words of the record, with the time that the rest will take."""
    return JobProgress(
        iteration=progress.iteration,
        iterations=progress.iterations,
        scale=progress.scale,
        scales=progress.scales,
        work=progress.work,
        eta_seconds=round(seconds * (1 - progress.work) / progress.work, 1),
        losses=progress.losses,
    )
