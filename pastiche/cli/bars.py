"""A bar for each picture that is painted: how far it is, what the losses are, how long it takes."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from pastiche.cli.screen import ERR, notice, printable
from pastiche.client import (
    ConnectionLost,
    ConnectionRestored,
    Event,
    JobFinished,
    JobUpdated,
    ProgressUpdated,
)
from pastiche.client import Progress as JobProgress

LONGEST_NAME = 28


class Bars:
    """The bars of all pictures that are painted now; nothing but notices where nobody looks."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=ERR,
            disable=not ERR.is_terminal,
        )
        self._is_lost = False

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def add(self, name: str) -> "Bar":
        """The bar of one more picture."""
        short = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
        task = self._bars.add_task(printable(short), total=None, words="sending")
        return Bar(self, self._bars, task)

    def lost(self, event: ConnectionLost) -> None:
        """Says once, not for every picture and try, that the service is away."""
        if not self._is_lost:
            notice(f"{event.reason} Nothing is lost: the job goes on there, and this with it.")
        self._is_lost = True

    def back(self) -> None:
        """Says that the service is there again."""
        if self._is_lost:
            notice("The service is back.")
        self._is_lost = False


class Bar:
    """One of them."""

    def __init__(self, bars: Bars, progress: Progress, task: TaskID) -> None:
        self._all, self._bars, self._task = bars, progress, task

    def show(self, event: Event) -> None:
        """What an event changes."""
        match event:
            case JobUpdated(job) | JobFinished(job):
                waiting = job.status == "queued" and job.queue_position
                ahead = f", {job.queue_position} before it" if waiting else ""
                self.reached(job, f"{job.status}{ahead}")
            case ProgressUpdated(progress):
                self.reached(progress)
            case ConnectionLost():
                self._all.lost(event)
                self._bars.update(self._task, words="the service is away")
            case ConnectionRestored():
                self._all.back()

    def reached(self, progress: JobProgress, words: str = "") -> None:
        """How far it is."""
        self._bars.update(
            self._task,
            total=progress.iterations or None,
            completed=progress.iteration,
            words=printable(_words(progress) or words),
        )

    def remove(self) -> None:
        """The picture is done, or will never be."""
        self._bars.remove_task(self._task)


def _words(progress: JobProgress) -> str:
    if progress.losses is None:
        return ""
    losses = progress.losses
    parts = [
        f"scale {progress.scale}" if progress.scale else "",
        f"content {losses.content:.3g}  style {losses.style:.3g}  tv {losses.tv:.3g}",
        "" if progress.eta_seconds is None else f"{duration(progress.eta_seconds)} left",
    ]
    return "  ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """As a person says it: 9 s, 1:05, 2:03:04."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
