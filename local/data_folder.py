"""The folder that a service on one machine keeps its state in; one service at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

ROOM_NEEDED_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class DataFolder:
    """An opened data folder. Children inherit `lock`: it is held as long as one of them lives."""

    path: Path
    lock: int

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def logs(self) -> Path:
        return self.path / "logs"


@contextmanager
def opened(path: Path) -> Iterator[DataFolder]:
    """Makes the folder where it is not there, and locks it.

    Raises:
        LocalError: it cannot be written, another service uses it, or its disk is full.
    """
    try:
        folder = path.resolve()
        for each in (folder, folder / "redis", folder / "logs"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalError(f"The data folder {path} cannot be used: {error.strerror}.") from error
    try:
        _take(lock, folder)
        _check_room(folder)
        yield DataFolder(folder, lock)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LocalError(
            f"Another Pastiche uses the data folder {folder}. Stop it, or choose another folder "
            "with PASTICHE_DATA_FOLDER."
        ) from None


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_NEEDED_BYTES:
        raise LocalError(
            f"The disk is full: {free / 1e6:.0f} MB are free at {folder}, and Pastiche needs "
            f"{ROOM_NEEDED_BYTES / 1e6:.0f} MB. Make room, or choose another folder with "
            "PASTICHE_DATA_FOLDER."
        )
