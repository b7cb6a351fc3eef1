"""Paints one picture, or a batch of several at once, with a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import typer

from pastiche.cli import terminal_pictures
from pastiche.cli.bars import Bar, Bars
from pastiche.cli.contents import Content, save
from pastiche.cli.exits import Exit, exit_code
from pastiche.cli.screen import json_line, notice
from pastiche.cli.warning_notices import WarningNotices
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
"""How many jobs of a batch are submitted at once; the others wait, and do not count for a quota."""


@dataclass(slots=True)
class Piece:
    """A photograph of a batch, and what became of it."""

    content: Content
    job: Job | None = None
    error: ClientError | None = None
    is_saved: bool = False

    def fail(self, error: ClientError, *, is_one_of_several: bool) -> None:
        """Records and prints why it will not be painted."""
        self.error = error
        name, sentence = self.content.name, str(error)
        is_named = sentence.startswith(name) or not is_one_of_several
        notice(sentence if is_named else f"{name}: {sentence}")


@dataclass(slots=True)
class Batch:
    """The pictures that one command paints.

    Attributes:
        arguments: the same for each photograph: styles, further pictures, options.
        shows: whether each picture is shown in the terminal.
    """

    pieces: list[Piece]
    arguments: Mapping[str, Any]
    writes_json: bool
    shows: bool
    warnings: WarningNotices = field(init=False)

    def __post_init__(self) -> None:
        self.warnings = WarningNotices(name_contents=len(self.pieces) > 1)

    def paint(self, first: AsyncClient, later: AsyncClient) -> None:
        """Paints all of them.

        Args:
            first: the client until a job is accepted: a service that is away is reported soon.
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
        failed = [piece.error for piece in self.pieces if piece.error is not None]
        if len(self.pieces) > 1:
            notice(f"{sum(each.is_saved for each in self.pieces)} of {len(self.pieces)} painted.")
        if failed:
            self._report_unfinished()
            raise typer.Exit(exit_code(failed[0]))

    async def _run(self, first: AsyncClient, later: AsyncClient) -> None:
        turns = anyio.CapacityLimiter(AT_ONCE)
        with Bars() as bars:
            async with first, later, anyio.create_task_group() as tasks:
                clients = first, later
                for piece in self.pieces:
                    tasks.start_soon(
                        self._paint_in_turn, piece, clients, bars, turns, tasks.cancel_scope
                    )

    async def _paint_in_turn(
        self,
        piece: Piece,
        clients: tuple[AsyncClient, AsyncClient],
        bars: Bars,
        turns: anyio.CapacityLimiter,
        all_pieces: anyio.CancelScope,
    ) -> None:
        """Paints one; if the service cannot be reached at all, cancels the others."""
        async with turns:
            bar = bars.add(piece.content.name)
            is_accepted = any(each.job is not None for each in self.pieces)
            try:
                await self._paint(piece, clients[is_accepted], bar)
            except ClientError as error:
                piece.fail(error, is_one_of_several=len(self.pieces) > 1)
                if isinstance(error, ServiceUnreachable | InvalidResponse):
                    all_pieces.cancel()
            finally:
                bar.remove()

    async def _paint(self, piece: Piece, client: AsyncClient, bar: Bar) -> None:
        content, target = piece.content.picture, piece.content.target

        def on_event(event: Event) -> None:
            if isinstance(event, JobUpdated | JobFinished):
                if piece.job is None:
                    self.warnings.show(event.job.warnings, piece.content.name)
                piece.job = event.job
            bar.show(event)

        picture = await client.paint(
            content, format=target.format, on_event=on_event, **self.arguments
        )
        assert piece.job is not None
        save(picture, target)
        piece.is_saved = True
        self._report(piece)
        if self.shows:
            is_png = target.format == "png"
            terminal_pictures.show(picture if is_png else await client.result(piece.job))

    def _report(self, piece: Piece) -> None:
        target = piece.content.target
        assert piece.job is not None
        if self.writes_json:
            painted = {"content": piece.content.name, "output": target.name}
            json_line(painted | {"job": piece.job.raw})
        elif target.path is not None:
            notice(f"{piece.content.name} is painted: {target.path}")

    def _report_unfinished(self) -> bool:
        """Says how to continue with jobs whose pictures are not saved: they are not canceled.

        Returns:
            Whether there are any.
        """
        left = [piece for piece in self.pieces if piece.job is not None and not piece.is_saved]
        for piece in left:
            assert piece.job is not None
            if not piece.job.is_over:
                notice(f"The job continues. To watch it again: pastiche watch {piece.job.id}")
            elif piece.job.status == "succeeded":
                output = piece.content.target.name
                notice(f"The service has the picture: pastiche get {piece.job.id} -o {output}")
        return bool(left)
