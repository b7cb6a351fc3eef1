"""Paints pictures with the engine in this process, one after the other. Loads torch."""

from collections.abc import Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any

import typer
from PIL import Image

from pastiche.cli import terminal_pictures
from pastiche.cli.bars import Bar, Bars
from pastiche.cli.contents import Content, save
from pastiche.cli.exits import exit_code
from pastiche.cli.local_pictures import encoded, inputs_of, painted_picture
from pastiche.cli.painting import Piece
from pastiche.cli.screen import json_line, notice
from pastiche.cli.warning_notices import WarningNotices
from pastiche.client import ClientError, InvalidPicture
from pastiche.client import Progress as JobProgress
from pastiche.client.job_options import PICTURE_FIELDS
from pastiche.client.models import Losses
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.fast.memory import is_out_of_memory, retain_freed_memory
from pastiche.engine.prepared import PreparedInputsCache
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.stylize import Run
from pastiche.engine.weights import MissingWeights
from pastiche.option_warnings import find_warnings
from pastiche.options import OptionError, Options

TOO_LARGE = "There is not enough memory; try a smaller --size."


class CannotPaint(ClientError):
    """The engine cannot paint the picture here; the message says what would help."""


class LocalBatch:
    """The pictures that one command paints."""

    def __init__(
        self,
        pieces: list[Piece],
        arguments: Mapping[str, Any],
        options: Options,
        limit_bytes: int,
        *,
        writes_json: bool,
    ) -> None:
        self._pieces, self._arguments, self._options = pieces, arguments, options
        self._limit = limit_bytes
        self._writes_json = writes_json
        self._cache = PreparedInputsCache()
        self._warnings = WarningNotices(name_contents=len(pieces) > 1)

    def paint(self, *, shows: bool) -> None:
        """Paints all of them.

        Raises:
            Exit: not all could be painted.
        """
        retain_freed_memory()
        several = len(self._pieces) > 1
        with Bars() as bars:
            for piece in self._pieces:
                bar = bars.add(piece.content.name)
                try:
                    picture = self._paint(piece.content, bar)
                    save(encoded(picture, piece.content.target.format), piece.content.target)
                except ClientError as error:
                    piece.fail(error, is_one_of_several=several)
                else:
                    self._report(piece.content)
                    if shows:
                        terminal_pictures.show(encoded(picture, "png"))
                finally:
                    bar.remove()
        failed = [piece.error for piece in self._pieces if piece.error is not None]
        if failed:
            raise typer.Exit(exit_code(failed[0]))

    def _paint(self, content: Content, bar: Bar) -> Image.Image:
        pictures = {name: self._arguments.get(name) for name in PICTURE_FIELDS} | {
            "content": content.picture
        }
        inputs = inputs_of(pictures, self._limit)
        self._warnings.show(find_warnings(self._options, *inputs.images.sizes), content.name)
        began = monotonic()
        try:
            run = Run(inputs.images, self._options, cache=self._cache)
            for progress in run:
                bar.update(_convert(progress, monotonic() - began))
            picture = run.picture()
        except OptionError as error:
            raise InvalidPicture(error.field, str(error)) from error
        except (MissingWeights, Diverged) as error:
            raise CannotPaint(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise CannotPaint(TOO_LARGE) from error
        keep_transparency = self._options.keep_transparency
        return painted_picture(picture, inputs.content, keep_transparency=keep_transparency)

    def _report(self, content: Content) -> None:
        if self._writes_json:
            backbone = choose_backbone(self._options.backbone).name
            json_line(
                {
                    "content": content.name,
                    "output": content.target.name,
                    "backbone": backbone,
                    "options": asdict(self._options),
                }
            )
        elif content.target.path is not None:
            notice(f"{content.name} is painted: {content.target.path}")


def _convert(progress: Progress, seconds: float) -> JobProgress:
    """Converts the engine's progress to that of a service."""
    return JobProgress(
        iteration=progress.iteration,
        iterations=progress.iterations,
        progress=progress.iteration / progress.iterations,
        scale=f"{progress.scale}/{progress.scales}",
        eta_seconds=seconds * (1 - progress.work) / progress.work if progress.work else None,
        losses=Losses(**progress.losses),
    )
