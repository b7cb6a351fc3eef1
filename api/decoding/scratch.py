"""A folder for pictures on their way in: nothing of it outlives its process, not even a killed one.

Whoever uses one holds a lock on it, which the system takes away with the process. So what a killed
process has left is told from what is in use, and goes when the next one starts.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir
from time import time

from anyio import create_task_group, sleep, to_thread

PREFIX = "pastiche-uploads-"

YOUNG_SECONDS = 60.0
"""A folder that is younger may be about to be locked: it is left for the second look."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process alone, among the system's temporary ones."""
    _remove_abandoned(Path(gettempdir()))
    with TemporaryDirectory(prefix=PREFIX) as name, _held(Path(name)):
        yield Path(name)


@asynccontextmanager
async def second_look() -> AsyncIterator[None]:
    """While it lasts, looks for abandoned folders once more: a process that is killed and started
    again at once finds its own too young."""
    async with create_task_group() as tasks:
        tasks.start_soon(_look_again)
        yield
        tasks.cancel_scope.cancel()


async def _look_again() -> None:
    await sleep(YOUNG_SECONDS)
    await to_thread.run_sync(_remove_abandoned, Path(gettempdir()))


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is in use, or another user's
            if time() - folder.stat().st_mtime >= YOUNG_SECONDS:
                with _held(folder):
                    rmtree(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError where another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)
