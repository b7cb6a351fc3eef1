"""Paints pictures with the engine in this process, one after the other. Loads torch."""

from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from time import monotonic
from typing import Any

from PIL import Image
from torch import Tensor

from pastiche.cli.bars import Bar, Bars
from pastiche.cli.batch import Batch
from pastiche.cli.console import InvalidOption, json_line, line, show_picture
from pastiche.cli.contents import Content
from pastiche.client import ClientError, InvalidPicture
from pastiche.client import Progress as JobProgress
from pastiche.client.job_options import PICTURE_FIELDS
from pastiche.client.models import Format, Losses
from pastiche.client.requests import read_uploads
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.fast.memory import is_out_of_memory, retain_freed_memory
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs
from pastiche.engine.prepared import PreparedInputsCache
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.run import Run
from pastiche.engine.weights.files import MissingWeights
from pastiche.option_warnings import find_warnings
from pastiche.options import OPTIONS, OptionError, Options
from pastiche.painting_clock import PaintingClock
from pastiche.painting_speed import PaintingSpeed
from pastiche.picture_settings import describe_settings, save_arguments
from pastiche.picture_sources import Pictures, UnreadablePicture
from pastiche.pictures import apply_transparency, encode_png, on_white, read_picture
from pastiche.sizes import Scale, scales

TOO_LARGE = "There is not enough memory. Try a smaller --size."

_MASKS = ("mask", "style_mask", "content_map")
_SAVED: Mapping[Format, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92},
}


class CannotPaint(ClientError):
    """The engine cannot paint the picture here. The message says what would help."""


class LocalBatch(Batch):
    """The pictures that one command paints in this process.

    Attributes:
        speed: the measured speed of the pictures so far, for estimates of the next one.
    """

    speed = PaintingSpeed()

    def paint(self, options: Options, limit_bytes: int) -> None:
        """Paints all of them.

        Raises:
            Exit: not all could be painted.
        """
        retain_freed_memory()
        cache = PreparedInputsCache()
        with Bars() as bars:
            for piece in self.pieces:
                bar = bars.add(piece.content.name)
                target = piece.content.target
                try:
                    picture = self._paint(piece.content, options, limit_bytes, cache, bar)
                    backbone = choose_backbone(options.backbone).name
                    details = {"backbone": backbone, "options": asdict(options)}
                    data = encode(picture, target.format, describe_settings(options, backbone))
                    self.save(piece, data, **details)
                except ClientError as error:
                    self.fail(piece, error)
                else:
                    if self.shows:
                        show_picture(data if target.format == "png" else encode_png(picture))
                finally:
                    bar.remove()
        self.exit_if_failed()

    def estimate(self, options: Options, limit_bytes: int) -> None:
        """Prints the work of each picture. The time that it takes is only known while painting.

        Raises:
            Exit: a picture cannot be painted.
        """
        for piece in self.pieces:
            try:
                images, _ = self._read(piece.content, options, limit_bytes)
                images.checked(options)
                options.check_layers(choose_backbone(options.backbone).name)
                height, width = images.content.shape[-2:]
                self._print_plan(piece.content, scales(height, width, options))
            except OptionError as error:
                self.fail(piece, _as_client_error(error))
            except MissingWeights as error:
                self.fail(piece, CannotPaint(str(error)))
            except ClientError as error:
                self.fail(piece, error)
        self.exit_if_failed()

    def _print_plan(self, content: Content, plan: list[Scale]) -> None:
        (height, width), iterations = plan[-1].size, sum(scale.iterations for scale in plan)
        work = sum(scale.cost for scale in plan) / 1e6
        if self.writes_json:
            size = {"width": width, "height": height, "iterations": iterations}
            estimate = size | {"megapixel_iterations": work}
            json_line(
                {"content": content.name, "output": content.target.name, "estimate": estimate}
            )
            return
        size_and_work = f"{width}×{height} pixels, {iterations} iterations"
        line(f"{content.name}: {size_and_work}, {work:.3g} megapixel iterations")

    def _read(
        self, content: Content, options: Options, limit_bytes: int
    ) -> tuple[Inputs, Image.Image]:
        """The images for the engine, and the content image with its transparency."""
        further = {name: self.arguments.get(name) for name in PICTURE_FIELDS}
        images, photograph = read_inputs(further | {"content": content.picture}, limit_bytes)
        self.warnings.show(find_warnings(options, *images.sizes), content.name)
        return images, photograph

    def _paint(
        self,
        content: Content,
        options: Options,
        limit_bytes: int,
        cache: PreparedInputsCache,
        bar: Bar,
    ) -> Image.Image:
        images, photograph = self._read(content, options, limit_bytes)
        try:
            picture = to_pil(self._run(images, options, cache, bar))
        except OptionError as error:
            raise _as_client_error(error) from error
        except (MissingWeights, Diverged) as error:
            raise CannotPaint(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise CannotPaint(TOO_LARGE) from error
        return apply_transparency(picture, photograph) if options.keep_transparency else picture

    def _run(
        self, images: Inputs, options: Options, cache: PreparedInputsCache, bar: Bar
    ) -> Tensor:
        """The picture, (1, 3, H, W) in 0 to 1."""
        began = monotonic()
        run = Run(images, options, cache=cache)
        height, width = images.content.shape[-2:]
        plan = scales(height, width, options)
        clock = PaintingClock(plan, self.speed)
        for progress in run:
            bar.update(measure_progress(progress, clock))
        picture = run.picture()
        work = sum(scale.cost for scale in plan)
        self.speed = self.speed.updated(work, monotonic() - began, clock.times)
        return picture


def _as_client_error(error: OptionError) -> ClientError:
    """The error for what the engine refuses: an option, or one of the pictures."""
    if error.field in OPTIONS:
        return InvalidOption(str(error))
    return InvalidPicture(error.field, str(error))


def measure_progress(progress: Progress, clock: PaintingClock) -> JobProgress:
    """The progress after an iteration, as a service reports it, with the time left if that is
    known."""
    scale = progress.scale - 1
    clock.add_iteration(scale)
    return JobProgress(
        iteration=progress.iteration,
        iterations=progress.iterations,
        progress=progress.iteration / progress.iterations,
        scale=f"{progress.scale}/{progress.scales}",
        eta_seconds=clock.estimate_remaining(scale, progress.work),
        losses=Losses(**progress.losses),
    )


def read_inputs(
    pictures: Mapping[str, Pictures | None], limit_bytes: int
) -> tuple[Inputs, Image.Image]:
    """Reads pictures, by the names of the form's fields, as the service does.

    Returns:
        The images for the engine, and the content image with its transparency.

    Raises:
        InvalidPicture: an image cannot be read.
    """
    found: dict[str, list[Image.Image]] = {name: [] for name in pictures}
    for field, data in read_uploads(pictures, limit_bytes):
        try:
            found[field].append(read_picture(data, f"The {field} image"))
        except UnreadablePicture as error:
            raise InvalidPicture(field, str(error)) from error
    tensors = {
        field: [read_mask(each) if field in _MASKS else read_image(each) for each in images]
        for field, images in found.items()
    }
    images = Inputs(
        content=tensors["content"][0],
        styles=tuple(tensors["style"]),
        masks=tuple(tensors["mask"]),
        style_masks=tuple(tensors["style_mask"]),
        start=next(iter(tensors["start_image"]), None),
        content_map=next(iter(tensors["content_map"]), None),
    )
    return images, found["content"][0]


def encode(picture: Image.Image, file_format: Format, settings: str) -> bytes:
    """Encodes a picture with its settings as the service does. A JPEG has no transparency, so it
    gets a white background."""
    out = BytesIO()
    shown = on_white(picture) if file_format == "jpeg" else picture
    more = save_arguments(file_format, settings)
    shown.save(out, file_format.upper(), **_SAVED[file_format], **more)
    return out.getvalue()
