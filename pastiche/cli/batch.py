"""Paints one picture, or a batch of several: with a service, several at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import typer

from pastiche.cli.bars import Bar, Bars
from pastiche.cli.console import (
    Exit,
    WarningNotices,
    exit_code,
    json_line,
    notice,
    report_error,
    show_picture,
    showing,
)
from pastiche.cli.contents import Content, save
from pastiche.client import (
    AsyncClient,
    ClientError,
    Event,
    InvalidResponse,
    Job,
    JobFinished,
    JobUpdated,
    ServiceUnreachable,
)

AT_ONCE = 8
"""How many jobs of a batch are submitted at once. The others wait here, outside any quota."""


@dataclass(slots=True)
class Piece:
    """A photograph of a batch, with its job and its result."""

    content: Content
    job: Job | None = None
    error: ClientError | None = None
    is_saved: bool = False


class Batch:
    """The pictures that one command paints.

    Args:
        arguments: the same for each photograph: styles, further pictures, options.
        shows: whether each picture is shown in the terminal.
    """

    def __init__(
        self,
        contents: list[Content],
        arguments: Mapping[str, Any],
        *,
        writes_json: bool,
        shows: bool,
    ) -> None:
        self.pieces = [Piece(each) for each in contents]
        self.arguments, self.writes_json, self.shows = arguments, writes_json, shows
        self.has_several = len(contents) > 1
        self.warnings = WarningNotices(name_contents=self.has_several)

    def fail(self, piece: Piece, error: ClientError) -> None:
        """Stores and prints why a photograph will not be painted."""
        piece.error = error
        name, sentence = piece.content.name, str(error)
        is_named = sentence.startswith(name) or not self.has_several
        report_error(sentence if is_named else f"{name}: {sentence}")

    def save(self, piece: Piece, picture: bytes, **details: object) -> None:
        """Saves a picture and prints where. The details are for scripts."""
        name, target = piece.content.name, piece.content.target
        place = save(picture, target.path, makes_folder=True)
        piece.is_saved = True
        if self.writes_json:
            json_line({"content": name, "output": target.name, **details})
        elif target.path is not None:
            notice(f"{name} is painted: {place}")

    def exit_if_failed(self) -> None:
        """Exits with the code of the first failure, if there is one."""
        for piece in self.pieces:
            if piece.error is not None:
                raise typer.Exit(exit_code(piece.error))


class ServiceBatch(Batch):
    """The pictures that one command paints with a service."""

    def paint(self, first: AsyncClient, later: AsyncClient) -> None:
        """Paints all of them.

        Args:
            first: the client until a job is accepted. It soon reports an unreachable service.
            later: the client for everything after that.

        Raises:
            Exit: not all could be painted, or the user interrupted it.
        """
        try:
            anyio.run(self._run, first, later)
        except KeyboardInterrupt:
            if not self._report_unfinished():
                notice("Stopped. A job may have been submitted: pastiche list")
            raise typer.Exit(Exit.INTERRUPTED) from None
        if self.has_several:
            notice(f"{sum(each.is_saved for each in self.pieces)} of {len(self.pieces)} painted.")
        if any(piece.error is not None for piece in self.pieces):
            self._report_unfinished()
        self.exit_if_failed()

    async def _run(self, first: AsyncClient, later: AsyncClient) -> None:
        turns = anyio.CapacityLimiter(AT_ONCE)
        with Bars() as bars:
            async with first, later, anyio.create_task_group() as tasks:

                async def paint_in_turn(piece: Piece) -> None:
                    async with turns:
                        bar = bars.add(piece.content.name)
                        is_accepted = any(each.job is not None for each in self.pieces)
                        try:
                            await self._paint(piece, later if is_accepted else first, bar)
                        except ClientError as error:
                            self.fail(piece, error)
                            if isinstance(error, ServiceUnreachable | InvalidResponse):
                                tasks.cancel_scope.cancel()
                        finally:
                            bar.remove()

                for piece in self.pieces:
                    tasks.start_soon(paint_in_turn, piece)

    async def _paint(self, piece: Piece, client: AsyncClient, bar: Bar) -> None:
        target = piece.content.target

        def on_event(event: Event) -> None:
            if isinstance(event, JobUpdated | JobFinished):
                if piece.job is None:
                    self.warnings.show(event.job.warnings, piece.content.name)
                piece.job = event.job
            bar.show(event)

        job = await client.submit(piece.content.picture, **self.arguments)
        on_event(JobUpdated(job))
        picture = await client.wait_for_result(job, target.format, on_event=on_event)
        assert piece.job is not None
        self.save(piece, picture, job=piece.job.raw)
        if self.shows:
            with showing():
                show_picture(picture if target.format == "png" else await client.result(piece.job))

    def _report_unfinished(self) -> bool:
        """Prints how to continue with jobs whose pictures are not saved. They are not canceled.

        Returns:
            Whether there are any.
        """
        left = [
            (piece.job, piece.content.target)
            for piece in self.pieces
            if piece.job is not None and not piece.is_saved
        ]
        for job, target in left:
            if not job.is_over:
                notice(f"The job continues. To watch it again: pastiche watch {job.id}")
            elif job.status == "succeeded":
                notice(f"The service has the picture: pastiche get {job.id} -o {target.name}")
        return bool(left)
