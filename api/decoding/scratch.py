"""A folder for temporary files that is deleted after its process ends, even if that is killed.

A process holds a lock on its folder, which the system releases when the process ends. That is how
the next process recognises the folders of killed ones when it starts, and deletes them.
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
"""A younger folder may be about to be locked: it is checked again later."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for this process in the system's folder for temporary files."""
    _remove_abandoned(Path(gettempdir()))
    with TemporaryDirectory(prefix=PREFIX) as name, _lock(Path(name)):
        yield Path(name)


@asynccontextmanager
async def remove_abandoned_later() -> AsyncIterator[None]:
    """Looks for abandoned folders once more during the context: if a process is killed and
    restarted at once, its earlier folder is too young at the start."""
    async with create_task_group() as tasks:
        tasks.start_soon(_remove_later)
        yield
        tasks.cancel_scope.cancel()


async def _remove_later() -> None:
    await sleep(YOUNG_SECONDS)
    await to_thread.run_sync(_remove_abandoned, Path(gettempdir()))


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is in use, or belongs to another user
            if time() - folder.stat().st_mtime >= YOUNG_SECONDS:
                with _lock(folder):
                    rmtree(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError if another process holds the lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)
