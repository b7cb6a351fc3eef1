"""A progress bar for `stylize`, in a terminal or a notebook."""

from typing import TYPE_CHECKING, Self

try:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
except ImportError as error:
    advice = "pip install '.[cli]' in the project's folder"
    raise ImportError(f"The progress bar needs rich: {advice}") from error

if TYPE_CHECKING:
    from pastiche.engine.progress import Progress


class ProgressBar:
    """Shows the iterations and the scale of a run on standard error, if that is a terminal or a
    notebook."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not (console.is_terminal or console.is_jupyter),
        )
        self._task = self._bars.add_task("Preparing", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, progress: "Progress") -> None:
        """Shows one more iteration."""
        self._bars.update(
            self._task,
            description=f"Scale {progress.scale} of {progress.scales}",
            completed=progress.iteration,
            total=progress.iterations,
        )
