"""The engine's one caller: picture files and options in, a PNG file out. Loads torch."""

import logging
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from pastiche.engine.backbone_sources import BackboneSource, choose_backbone
from pastiche.engine.checkpoint import Checkpoint, UnusableCheckpoint
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import (
    free_memory,
    is_out_of_memory,
    release_freed_memory,
    retain_freed_memory,
)
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs as EngineInputs
from pastiche.engine.prepared import PreparedInputsCache
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.run import Run
from pastiche.engine.weights import MissingWeights
from pastiche.memory_budget import ComputedIn
from pastiche.options import LIVE_OPTIONS, OptionError, Options
from pastiche.pictures import apply_transparency, read_picture
from shared import tracing
from shared.inputs import Inputs
from shared.jobs import BackboneUsed, read_options
from shared.pictures import encode_png, encode_preview
from shared.progress import Progress as JobProgress
from shared.settings import Settings
from worker.attempt import Attempt, PaintingFailed, WorkerShutdown
from worker.blocks import Blocks
from worker.registration import Capability, FreeMemory, resident_bytes, worker_name

log = logging.getLogger(__name__)

PREPARED_INPUTS = PreparedInputsCache()
"""Of this process's last jobs: the jobs of a sweep share their images."""


def prepare(process_id: int, settings: Settings) -> Capability:
    """Makes this process one that paints, and returns what it can do."""
    retain_freed_memory()
    name, device = worker_name(process_id), best_device()
    narrow = convolution_dtype(device, Options()) == torch.bfloat16
    computed_in: ComputedIn = "bfloat16" if narrow else "float32"
    # The cached images of the last jobs are dropped for one that needs their memory.
    free = FreeMemory(lambda: free_memory(device) + PREPARED_INPUTS.image_bytes)
    return Capability(name, device_name(), computed_in, settings, free)


def device_name() -> str:
    """The name of the GPU, or how many CPU threads paint."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def memory_bytes() -> int:
    """How much of the GPU's memory, or of the machine's, this process has allocated."""
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
        _free_cached_memory(options, backbone, attempt)
        images = _images(pictures, attempt.check)
        picture = _painted(images, options, backbone, attempt, blocks)
    except Diverged as error:
        raise PaintingFailed("painting_diverged") from error
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise PaintingFailed("out_of_memory") from error
    finally:
        blocks.end()
        release_freed_memory()
    log.info("Job %s: optimised", attempt.job.id)
    with tracing.span("encode"):
        painted = to_pil(picture)
        if options.keep_transparency:
            painted = apply_transparency(painted, read_picture(pictures.content))
        return encode_png(painted)


def _free_cached_memory(options: Options, backbone: BackboneSource, attempt: Attempt) -> None:
    """Drops the images of the last jobs where this one needs their memory."""
    job, free = attempt.job, free_memory(best_device())
    memory = attempt.context.capability.memory(free)
    if job.pixels > memory.most_pixels(options, backbone.name, job.image_bytes):
        PREPARED_INPUTS.clear()
        release_freed_memory()


def _painted(
    inputs: EngineInputs,
    options: Options,
    backbone: BackboneSource,
    attempt: Attempt,
    blocks: Blocks,
) -> Tensor:
    """Paints to the end, or until the client finishes the job: reports progress, applies new
    weights, and stores previews and checkpoints."""
    resume = _earlier_work(inputs, options, backbone, attempt)
    weights = _weights(resume.options if resume else options)
    parsed: Mapping[str, Any] | None = None
    run = Run(
        inputs,
        options,
        backbone=backbone,
        resume=resume,
        memory_bytes=attempt.context.settings.memory_bytes,
        check=attempt.check,
        cache=PREPARED_INPUTS,
    )
    blocks.begin()
    progress: Progress | None = None
    work_before = None if resume else 0.0
    # A client that finishes a job keeps what it has seen, also where that is painted again.
    painted_before = attempt.job.progress.iteration if attempt.job.progress else 0
    del resume  # as large as the optimiser's state, which the run has copied
    try:
        for progress in run:
            blocks.note(progress)
            work_before = progress.work if work_before is None else work_before
            attempt.report_progress(_job_progress(progress, attempt.seconds_painting, work_before))
            if attempt.is_finish_requested and progress.iteration >= painted_before:
                break
            if attempt.previews.is_due:
                attempt.report_preview(lambda: encode_preview(to_pil(run.preview())))
            if attempt.checkpoints.is_due:
                attempt.checkpoints.store(run.save_checkpoint)
            latest = attempt.options
            if latest is not parsed:  # another object if a client has changed them
                parsed = latest
                requested = _weights(read_options(attempt.job.id, latest))
                if requested != weights:
                    run.update_weights(**requested)
                    weights = requested
    except WorkerShutdown:
        if progress is not None:
            attempt.checkpoints.store(run.save_checkpoint)
        raise
    return run.picture()


def _weights(options: Options) -> dict[str, float]:
    """The options that a client may change while its picture is painted."""
    return {name: getattr(options, name) for name in LIVE_OPTIONS}


def _earlier_work(
    inputs: EngineInputs, options: Options, backbone: BackboneSource, attempt: Attempt
) -> Checkpoint | None:
    """The newest work of an earlier attempt that can be gone on with, by the same network."""
    before = attempt.job.backbone
    if before is not None and before != BackboneUsed(backbone.name, backbone.sha256):
        log.warning("Job %s: starts again: it was begun with another network", attempt.job.id)
        return None
    for stored in attempt.checkpoints.load_earlier():
        attempt.check()
        try:
            checkpoint = Checkpoint.load(BytesIO(stored), best_device())
            checkpoint.check(inputs.checked(options), options)
        except (UnusableCheckpoint, OptionError) as error:
            log.warning("Job %s: starts again: %s", attempt.job.id, error)
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


def _job_progress(progress: Progress, seconds: float, work_before: float) -> JobProgress:
    """The engine's progress as the job's record has it, with the time that the rest will take.

    Args:
        seconds: that this attempt has painted for.
        work_before: the share of the work that was done when it began.
    """
    done = progress.work - work_before
    return JobProgress(
        iteration=progress.iteration,
        iterations=progress.iterations,
        scale=progress.scale,
        scales=progress.scales,
        work=progress.work,
        eta_seconds=round(seconds * (1 - progress.work) / done, 1) if done else None,
        losses=progress.losses,
    )
