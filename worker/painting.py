"""The engine's one caller: picture files and options in, a PNG file out. Loads torch."""

import logging
from collections.abc import Callable
from functools import partial
from io import BytesIO

import torch
from torch import Tensor

from pastiche.engine.allocator import give_back_freed_memory, keep_freed_memory
from pastiche.engine.backbones import BackboneSource, choose_backbone
from pastiche.engine.checkpoint import REWEIGHED, Checkpoint, UnusableCheckpoint
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs as EngineInputs
from pastiche.engine.precision import best_device, convolution_dtype
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.room import free_memory
from pastiche.engine.scenes import Scenes
from pastiche.engine.stylize import Command, Reweigh, Stop, paint
from pastiche.engine.weights import MissingWeights
from pastiche.memory import ComputedIn
from pastiche.options import OptionError, Options
from pastiche.pictures import apply_transparency, read_picture
from shared import tracing
from shared.inputs import Inputs
from shared.jobs import BackboneUsed, read_options
from shared.pictures import encode_png, encode_preview
from shared.progress import Progress as JobProgress
from shared.settings import Settings
from worker.attempt import Attempt, PaintingFailed, WorkerShutdown
from worker.blocks import Blocks, HeardScenes
from worker.registration import Capability, FreeMemory, resident_bytes, worker_name

log = logging.getLogger(__name__)

SCENES = Scenes()
"""What this process knows of the images of its last jobs: a sweep has the same ones each time."""


def prepare(process_id: int, settings: Settings) -> Capability:
    """Makes this process one that paints, and gives what it can."""
    keep_freed_memory()
    name, device = worker_name(process_id), best_device()
    narrow = convolution_dtype(device, Options()) == torch.bfloat16
    computed_in: ComputedIn = "bfloat16" if narrow else "float32"
    # What is known of the images of the last jobs is forgotten for one that needs the memory.
    free = FreeMemory(lambda: free_memory(device) + SCENES.image_bytes)
    return Capability(name, device_name(), computed_in, settings, free)


def device_name() -> str:
    """The card's name, or how many processor cores paint, and in which precision."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def memory_bytes() -> int:
    """What this process has taken of its card's memory, or of the machine's."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    return resident_bytes()


def choose(options: Options, settings: Settings) -> BackboneSource:
    """The backbone that these options choose on this machine.

    Raises:
        PaintingFailed: it needs weights that are not there, or lacks a layer of the options.
    """
    try:
        backbone = choose_backbone(options.backbone, settings.weights_folder)
        options.check_layers(backbone.name)
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error
    except OptionError as error:
        raise PaintingFailed("layer_missing") from error
    return backbone


def paint_picture(
    pictures: Inputs[bytes], options: Options, backbone: BackboneSource, attempt: Attempt
) -> bytes:
    """The pastiche as a PNG file, from where an earlier attempt left it.

    Raises:
        AttemptEnded: as the attempt has it, which hears of every iteration.
        PaintingFailed: the memory does not suffice, or the optimisation ran off.
    """
    blocks = Blocks()
    try:
        _make_room(options, backbone, attempt)
        images = _images(pictures, attempt.check)
        picture = _painted(images, options, backbone, attempt, blocks)
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
        blocks.end()
        give_back_freed_memory()
    log.info("Job %s: optimised", attempt.job.id)
    with tracing.span("encode"):
        painted = to_pil(picture)
        if options.keep_transparency:
            painted = apply_transparency(painted, read_picture(pictures.content))
        return encode_png(painted)


def _make_room(options: Options, backbone: BackboneSource, attempt: Attempt) -> None:
    """Forgets the images of the last jobs where their memory is needed."""
    job, free = attempt.job, free_memory(best_device())
    memory = attempt.context.capability.memory(free)
    if job.pixels > memory.most_pixels(options, backbone.name, job.image_bytes):
        SCENES.forget()
        give_back_freed_memory()


def _painted(
    inputs: EngineInputs,
    options: Options,
    backbone: BackboneSource,
    attempt: Attempt,
    blocks: Blocks,
) -> Tensor:
    """Paints to the end, or until the client wants the picture as it is: progress goes out, other
    weights come in, and work is kept on the way."""
    resume = _earlier_work(inputs, options, backbone, attempt)
    weights = _weights(resume.options if resume else options)
    painting = paint(
        inputs,
        options,
        backbone=backbone,
        resume=resume,
        memory=attempt.context.settings.memory_bytes,
        between_tiles=attempt.check,
        scenes=HeardScenes(SCENES, blocks.begin),
    )
    progress: Progress | None = None
    command: Command | None = None
    begun = None if resume else 0.0
    # What a client wants to keep is what it has seen, also where that is painted again.
    painted_before = attempt.job.progress.iteration if attempt.job.progress else 0
    del resume  # as large as the optimiser, which has its own by now
    try:
        while True:
            try:
                progress = painting.send(command)
            except StopIteration as end:
                picture: Tensor = end.value
                return picture
            blocks.note(progress)
            begun = progress.work if begun is None else begun
            attempt.report_progress(_as_told(progress, attempt.seconds_painting, begun))
            if attempt.is_finish_requested and progress.iteration >= painted_before:
                command = Stop()
                continue
            if attempt.previews.is_due:
                attempt.report_preview(partial(_preview, progress))
            if attempt.checkpoints.is_due:
                attempt.checkpoints.store(progress.save)
            wanted = _weights(read_options(attempt.job.id, attempt.options))
            command = None if wanted == weights else Reweigh(**wanted)
            weights = wanted
    except WorkerShutdown:
        if progress is not None:
            attempt.checkpoints.store(progress.save)
        raise


def _preview(progress: Progress) -> bytes:
    return encode_preview(to_pil(progress.picture()))


def _weights(options: Options) -> dict[str, float]:
    """The options that a client may change while its picture is painted."""
    return {name: getattr(options, name) for name in REWEIGHED}


def _earlier_work(
    inputs: EngineInputs, options: Options, backbone: BackboneSource, attempt: Attempt
) -> Checkpoint | None:
    """The newest work of an earlier attempt that can be gone on with, by the same network."""
    before = attempt.job.backbone
    if before is not None and before != BackboneUsed(backbone.name, backbone.sha256):
        log.warning("Job %s: painted afresh: it was begun with another network", attempt.job.id)
        return None
    for kept in attempt.checkpoints.load_earlier():
        attempt.check()
        try:
            checkpoint = Checkpoint.load(BytesIO(kept), best_device())
            checkpoint.check(inputs.checked(options), options)
        except (UnusableCheckpoint, OptionError) as error:
            log.warning("Job %s: painted afresh: %s", attempt.job.id, error)
            continue
        log.info("Job %s: goes on from iteration %d", attempt.job.id, checkpoint.place.iteration)
        return checkpoint
    return None


def _images(pictures: Inputs[bytes], check: Callable[[], None]) -> EngineInputs:
    """The pictures as tensors; `check` is called before each is decoded."""

    def image(picture: bytes) -> Tensor:
        check()
        return read_image(picture)

    def mask(picture: bytes) -> Tensor:
        check()
        return read_mask(picture)

    return EngineInputs(
        content=image(pictures.content),
        styles=tuple(map(image, pictures.style)),
        masks=tuple(map(mask, pictures.mask)),
        style_masks=tuple(map(mask, pictures.style_mask)),
        start=None if pictures.start_image is None else image(pictures.start_image),
        content_map=None if pictures.content_map is None else mask(pictures.content_map),
    )


def _as_told(progress: Progress, seconds: float, begun: float) -> JobProgress:
    """The engine's progress in the words of the record, with the time that the rest will take.

    Args:
        seconds: that this attempt has painted for.
        begun: the share of the work that was done when it began.
    """
    done = progress.work - begun
    return JobProgress(
        iteration=progress.iteration,
        iterations=progress.iterations,
        scale=progress.scale,
        scales=progress.scales,
        work=progress.work,
        eta_seconds=round(seconds * (1 - progress.work) / done, 1) if done else None,
        losses=progress.losses,
    )
