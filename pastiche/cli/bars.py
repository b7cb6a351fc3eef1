"""Progress bars: one for each picture, with its losses and the time left."""

from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from pastiche.cli.console import NOTICES, notice, printable
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

COLUMNS_WITH_LOSSES = 120
"""How wide a terminal must be to show the losses, too."""


class Bars:
    """The bars of all pictures that are being painted. Without a terminal there are only notices.
    They fit in 80 columns."""

    def __init__(self) -> None:
        name = Column(no_wrap=True, max_width=LONGEST_NAME)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True)),
            console=NOTICES,
            disable=NOTICES.quiet or not NOTICES.is_terminal,
        )
        self._is_lost = False

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def add(self, name: str) -> "Bar":
        """Adds the bar of a picture."""
        return Bar(self, name)

    def report_lost(self, reason: str) -> None:
        """Prints once that the service is unreachable, not for every picture and retry."""
        if not self._is_lost:
            notice(f"{reason} The job continues, and this command waits for the service.")
        self._is_lost = True

    def report_restored(self) -> None:
        """Prints that the service is back."""
        if self._is_lost:
            notice("The service is back.")
        self._is_lost = False


class Bar:
    """The bar of one picture."""

    def __init__(self, bars: Bars, name: str) -> None:
        self._bars = bars
        short = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
        self._task = bars.progress.add_task(printable(short), total=None, text="sending")

    def show(self, event: Event) -> None:
        """Shows an event."""
        match event:
            case JobUpdated(job) | JobFinished(job):
                waiting = job.status == "queued" and job.queue_position
                ahead = f", {job.queue_position} ahead" if waiting else ""
                self.update(job, f"{job.status}{ahead}")
            case ProgressUpdated(progress):
                self.update(progress)
            case ConnectionLost(reason):
                self._bars.report_lost(reason)
                self._bars.progress.update(self._task, text="the service is unreachable")
            case ConnectionRestored():
                self._bars.report_restored()

    def update(self, progress: JobProgress, text: str = "") -> None:
        """Shows progress."""
        self._bars.progress.update(
            self._task,
            total=progress.iterations or None,
            completed=progress.iteration,
            text=printable(_describe(progress) or text),
        )

    def remove(self) -> None:
        """Removes the bar: the picture is done, or has failed."""
        self._bars.progress.remove_task(self._task)


def _describe(progress: JobProgress) -> str:
    if progress.losses is None:
        return ""
    losses = progress.losses
    parts = [
        f"scale {progress.scale}" if progress.scale else "",
        f"content {losses.content:.3g}  style {losses.style:.3g}  tv {losses.tv:.3g}"
        if NOTICES.width >= COLUMNS_WITH_LOSSES
        else "",
        "" if progress.eta_seconds is None else f"{format_duration(progress.eta_seconds)} left",
    ]
    return "  ".join(part for part in parts if part)


def format_duration(seconds: float) -> str:
    """Formats a duration: 9 s, 1:05, 2:03:04."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
