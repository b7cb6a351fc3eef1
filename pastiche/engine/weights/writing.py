"""Files that appear in one step, in a folder that several processes may write to."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: temporary names and renaming alone keep the files whole
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Waits until no other process fetches into this folder; a lock that ends with its process.

    The folder itself is locked: a file made for it would stay behind.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.warning("Another process is fetching weights into %s: waiting for it.", folder)
        fcntl.flock(handle, fcntl.LOCK_EX)


def check_writable(folder: Path) -> None:
    """Raises OSError where no file can be made in a folder: before anything is downloaded."""
    tempfile.TemporaryFile(dir=folder).close()


@contextmanager
def written_at_once(target: Path) -> Iterator[Path]:
    """A temporary file beside the target, which takes its place at the end of the context.

    Raises:
        OSError: the folder cannot be written, or there is no room.
    """
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush(temporary)
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Has the file on the disk before it gets its name."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
