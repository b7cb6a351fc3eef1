"""Connects the service to the engine: converts files to tensors, and back. Loads torch."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage

import torch
from torch import Tensor

from pastiche.engine.backbone import BackboneSource
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.checkpoint import Checkpoint, UnusableCheckpoint
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import (
    free_memory,
    is_out_of_memory,
    release_freed_memory,
    retain_freed_memory,
    total_memory,
)
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs as EngineInputs
from pastiche.engine.prepared import PreparedInputsCache
from pastiche.engine.progress import Diverged
from pastiche.engine.run import Run
from pastiche.engine.weights.files import MissingWeights
from pastiche.memory_budget import ComputedIn
from pastiche.options import OptionError, Options
from pastiche.picture_settings import describe_settings
from pastiche.pictures import apply_transparency, read_picture
from shared.inputs import Inputs
from shared.pictures import encode_png, encode_preview
from shared.settings import Settings
from worker.attempt import Attempt, PaintingFailed
from worker.context import Capability, FreeMemory, worker_instance, worker_name

log = logging.getLogger(__name__)

PREPARED_INPUTS = PreparedInputsCache()
"""The prepared inputs of the last jobs, because the jobs of a sweep share their images."""


def measure_capability(settings: Settings) -> Capability:
    """What this process can paint."""
    retain_freed_memory()
    name, device = worker_name(os.getpid()), best_device()
    is_narrow = convolution_dtype(device, Options()) == torch.bfloat16
    free = FreeMemory(partial(_measure_free_memory, device))
    device_name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    computed_in: ComputedIn = "bfloat16" if is_narrow else "float32"
    return Capability(
        name,
        device_name,
        computed_in,
        settings,
        free,
        total_memory(device),
        worker_instance(),
    )


def _measure_free_memory(device: torch.device) -> int:
    """How many bytes are free between two jobs. The memory that the last job freed is returned to
    the system first: otherwise it counts as used, and the fragments that each job leaves add up."""
    release_freed_memory()
    # The cached images of the last jobs count as free: a job that needs their memory drops them.
    return free_memory(device) + PREPARED_INPUTS.image_bytes


def memory_bytes() -> int:
    """How many bytes this process has allocated on the GPU, or on the machine if there is no GPU.
    On a machine without Linux, the maximum so far."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return getrusage(RUSAGE_SELF).ru_maxrss
    return pages * getpagesize()


def begin_peak_memory() -> Callable[[], int | None]:
    """Starts to measure the peak memory of this process, on the GPU or, without one, the machine.
    Returns a function for the peak since then, which returns None if it cannot be measured."""
    device = best_device()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: torch.cuda.max_memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM: proc_pid_clear_refs(5)
    except OSError:
        return lambda: None
    return _read_peak_memory


def _read_peak_memory() -> int | None:
    status = Path("/proc/self/status").read_text()
    kilobytes = re.search(r"^VmHWM:\s*([0-9]+) kB$", status, re.MULTILINE)
    return None if kilobytes is None else 1024 * int(kilobytes[1])


def choose_precision(options: Options) -> str:
    """The precision in which the network computes with these options on this machine."""
    return str(convolution_dtype(best_device(), options)).removeprefix("torch.")


def choose(options: Options, settings: Settings) -> BackboneSource:
    """The backbone that these options select on this machine.

    Raises:
        PaintingFailed: its weights are missing, or it does not have a layer of the options.
    """
    try:
        backbone = choose_backbone(options.backbone, settings.weights_folder)
        options.check_layers(backbone.name)
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error
    except OptionError as error:
        raise PaintingFailed("layer_missing") from error
    return backbone


@contextmanager
def engine_failures() -> Iterator[None]:
    """Raises PaintingFailed if the engine cannot paint, or there is not enough memory for it or
    for the files. Releases freed memory at the end."""
    try:
        yield
    except Diverged as error:
        raise PaintingFailed("painting_diverged") from error
    except MissingWeights as error:
        raise PaintingFailed("weights_missing") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise PaintingFailed("out_of_memory") from error
    finally:
        release_freed_memory()


def decode(pictures: Inputs[bytes], check: Callable[[], None]) -> EngineInputs:
    """The pictures as tensors; `check` is called before each is decoded."""

    def image(picture: bytes) -> Tensor:  # (1, 3, H, W) in 0 to 1
        check()
        return read_image(picture)

    def mask(picture: bytes) -> Tensor:  # (1, 1, H, W) in 0 to 1
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


def load_checkpoint(
    images: EngineInputs, options: Options, backbone: BackboneSource, attempt: Attempt
) -> Checkpoint | None:
    """The newest checkpoint of an earlier attempt that this one can resume from."""
    for stored in attempt.checkpoints.load_earlier(attempt.retry_storage):
        attempt.check()
        try:
            # In the machine's memory: the run copies it to its device, which would hold it twice.
            checkpoint = Checkpoint.load(BytesIO(stored))
            checkpoint.check(images.checked(options), options, backbone)
        except (UnusableCheckpoint, OptionError) as error:
            log.warning("Job %s: starts from the beginning: %s", attempt.job.id, error)
            continue
        log.info("Job %s: resumes from iteration %d", attempt.job.id, checkpoint.place.iteration)
        return checkpoint
    return None


def free_cached_memory(options: Options, backbone: BackboneSource, attempt: Attempt) -> None:
    """Drops the cached images of the last jobs if this one needs their memory."""
    job, memory = attempt.job, attempt.context.capability.memory(free_memory(best_device()))
    if job.pixels > memory.most_pixels(options, backbone.name, job.image_bytes):
        PREPARED_INPUTS.clear()
        release_freed_memory()


def preview(run: Run) -> bytes:
    """The picture so far, as a JPEG file."""
    return encode_preview(to_pil(run.preview()))


def encode(picture: Tensor, content: bytes, options: Options, backbone: str, job_id: str) -> bytes:
    """The finished picture, (1, 3, H, W) in 0 to 1, as a PNG file with its settings.

    Args:
        content: the file of the content image, for `keep_transparency`.
        options: with the weights that were used for it.
    """
    painted = to_pil(picture)
    if options.keep_transparency:
        painted = apply_transparency(painted, read_picture(content))
    return encode_png(painted, describe_settings(options, backbone, job_id))
