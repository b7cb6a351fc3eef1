"""The folder with the state of a service on one machine; one service at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import LocalError

ROOM_NEEDED_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class DataFolder:
    """An open, locked data folder. Child processes inherit `lock`, so it is held as long as one of
    them lives. The lock file lists the process ids, one per line, the supervisor's first."""

    path: Path
    lock: int

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def add_process(self, process_id: int) -> None:
        """Adds a process to the lock file; a service that cannot lock the folder names it."""
        os.write(self.lock, f"{process_id}\n".encode())


@contextmanager
def opened(path: Path) -> Iterator[DataFolder]:
    """Creates the folder if it does not exist, and locks it.

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
        _take_lock(lock, folder)
        _check_free_space(folder)
        opened_folder = DataFolder(folder, lock)
        opened_folder.add_process(os.getpid())
        yield opened_folder
    finally:
        os.close(lock)


def _take_lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LocalError(
            f"{_describe_holder(lock)} the data folder {folder}. Stop it, or choose another folder "
            "with PASTICHE_DATA_FOLDER."
        ) from None
    os.ftruncate(lock, 0)


def _describe_holder(lock: int) -> str:
    """The beginning of an error message: who uses the folder, according to its lock file."""
    words = os.pread(lock, 4096, 0).split()
    ids = [int(word) for word in words if word.isdigit()]
    alive = [process_id for process_id in ids if _is_alive(process_id)]
    if ids and alive and alive[0] == ids[0]:
        return f"Another Pastiche (process {ids[0]}) uses"
    if alive:
        listed = ", ".join(map(str, alive))
        return f"Processes of a killed Pastiche ({listed}) still use"
    return "Another Pastiche uses"


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def _check_free_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_NEEDED_BYTES:
        raise LocalError(
            f"The disk is full: {free / 1e6:.0f} MB are free at {folder}, and Pastiche needs "
            f"{ROOM_NEEDED_BYTES / 1e6:.0f} MB. Free some space, or choose another folder with "
            "PASTICHE_DATA_FOLDER."
        )
