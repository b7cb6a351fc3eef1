"""Pictures painted by a service: one, or a batch with several at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import typer

from pastiche.cli import terminal_pictures
from pastiche.cli.bars import Bar, Bars
from pastiche.cli.contents import Content, save
from pastiche.cli.exits import Exit, code_of
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
"""How many jobs of a batch are in flight: the others wait here, where they count for no quota."""


@dataclass(slots=True)
class Piece:
    """One content of a batch, and what became of it."""

    content: Content
    job: Job | None = None
    error: ClientError | None = None
    is_saved: bool = False

    def fail(self, error: ClientError, *, is_one_of_several: bool) -> None:
        """It will not be painted; says why."""
        self.error = error
        name, sentence = self.content.name, str(error)
        is_named = sentence.startswith(name) or not is_one_of_several
        notice(sentence if is_named else f"{name}: {sentence}")


@dataclass(slots=True)
class Batch:
    """What one command paints.

    Attributes:
        asked: the same for each content: the styles, further pictures, options.
        shows: whether each picture is shown in the terminal.
    """

    pieces: list[Piece]
    asked: Mapping[str, Any]
    writes_json: bool
    shows: bool
    warnings: WarningNotices = field(init=False)

    def __post_init__(self) -> None:
        self.warnings = WarningNotices(name_contents=len(self.pieces) > 1)

    def paint(self, client: AsyncClient, patient: AsyncClient) -> None:
        """Paints all of them.

        Args:
            client: for what is sent before any job is there: a service that is away is told soon.
            patient: for what is sent afterwards.

        Raises:
            Exit: not all could be, or the user wants it to end.
        """
        try:
            anyio.run(self._run, client, patient)
        except KeyboardInterrupt:
            if not self._say_how_to_go_on():
                notice("Stopped. What was being sent may have arrived: pastiche list")
            raise typer.Exit(Exit.INTERRUPTED) from None
        failed = [piece.error for piece in self.pieces if piece.error is not None]
        if len(self.pieces) > 1:
            notice(f"{sum(each.is_saved for each in self.pieces)} of {len(self.pieces)} painted.")
        if failed:
            self._say_how_to_go_on()
            raise typer.Exit(code_of(failed[0]))

    async def _run(self, client: AsyncClient, patient: AsyncClient) -> None:
        turns = anyio.CapacityLimiter(AT_ONCE)
        with Bars() as bars:
            async with client, patient, anyio.create_task_group() as tasks:
                clients = client, patient
                for piece in self.pieces:
                    tasks.start_soon(self._piece, piece, clients, bars, turns, tasks.cancel_scope)

    async def _piece(
        self,
        piece: Piece,
        clients: tuple[AsyncClient, AsyncClient],
        bars: Bars,
        turns: anyio.CapacityLimiter,
        all_of_them: anyio.CancelScope,
    ) -> None:
        """Paints one; where the service is not there, or is none, the others need not be tried."""
        async with turns:
            bar = bars.add(piece.content.name)
            is_accepted = any(each.job is not None for each in self.pieces)
            try:
                await self._painted(piece, clients[is_accepted], bar)
            except ClientError as error:
                piece.fail(error, is_one_of_several=len(self.pieces) > 1)
                if isinstance(error, ServiceUnreachable | InvalidResponse):
                    all_of_them.cancel()
            finally:
                bar.remove()

    async def _painted(self, piece: Piece, client: AsyncClient, bar: Bar) -> None:
        content, target = piece.content.picture, piece.content.target

        def on_event(event: Event) -> None:
            if isinstance(event, JobUpdated | JobFinished):
                if piece.job is None:
                    self.warnings.show(event.job.warnings, piece.content.name)
                piece.job = event.job
            bar.show(event)

        picture = await client.paint(content, format=target.format, on_event=on_event, **self.asked)
        assert piece.job is not None
        save(picture, target)
        piece.is_saved = True
        self._tell(piece)
        if self.shows:
            is_png = target.format == "png"
            terminal_pictures.show(picture if is_png else await client.result(piece.job))

    def _tell(self, piece: Piece) -> None:
        target = piece.content.target
        assert piece.job is not None
        if self.writes_json:
            told = {"content": piece.content.name, "output": target.name, "job": piece.job.raw}
            json_line(told)
        elif target.path is not None:
            notice(f"{piece.content.name} is painted: {target.path}")

    def _say_how_to_go_on(self) -> bool:
        """Nothing is canceled: what was submitted is painted whether somebody looks or not. Gives
        whether there is any such job."""
        left = [piece for piece in self.pieces if piece.job is not None and not piece.is_saved]
        for piece in left:
            assert piece.job is not None
            if not piece.job.is_over:
                notice(f"The job goes on. To go on watching: pastiche watch {piece.job.id}")
            elif piece.job.status == "succeeded":
                output = piece.content.target.name
                notice(f"The picture is kept there: pastiche get {piece.job.id} -o {output}")
        return bool(left)
