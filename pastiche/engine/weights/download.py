"""The files of the pretrained VGG-19s: where they lie, whether they are whole, how to fetch them.

`python -m pastiche.engine.weights` fetches one. Nothing else ever does: no job waits for a
download.
"""

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file that can be had at a URL; its SHA-256 begins with `hash_prefix`."""

    url: str
    hash_prefix: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


IMAGENET = WeightsFile("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "dcbb9e9d")
"""torchvision's `VGG19_Weights.IMAGENET1K_V1`; a test holds this against torchvision."""

CAFFE = WeightsFile("https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth", "d01eb7cb")
"""The network that the papers used, out of Caffe's file in torchvision's layout."""

FILES = {"imagenet": IMAGENET, "caffe": CAFFE}
"""By backbone."""


class MissingWeights(RuntimeError):
    """The pretrained weights are asked for and are not there, or cannot be used."""


class CannotFetch(RuntimeError):
    """The file could not be had; the message says why and what can be done."""


def weights_folder(folder: Path | None = None) -> Path:
    """The folder itself; else `PASTICHE_WEIGHTS_FOLDER`, else `pastiche` in the user's cache."""
    if folder is not None:
        return folder
    chosen = os.environ.get("PASTICHE_WEIGHTS_FOLDER")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(cache) / "pastiche"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; remembered until the file changes."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _sha256(path: Path, modified_ns: int, size_bytes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    wanted: WeightsFile, folder: Path, told: Callable[[int, int | None], None] = lambda *_: None
) -> Path:
    """Downloads a file into a folder; goes on where an earlier try stopped, checks the hash.

    Args:
        told: called with the bytes that are there and the bytes of the whole, None if unknown.

    Returns:
        The file's path; at once where it is there already.

    Raises:
        CannotFetch: no network, no room, or not the bytes that were promised.
    """
    target = folder / wanted.name
    if target.exists():
        return target
    part = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(wanted.url, part, told)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise CannotFetch(_advice(wanted, target, f"could not be reached ({reason})")) from error
    except OSError as error:
        raise CannotFetch(f"{part} cannot be written: {error.strerror}.") from error
    if not sha256_of(part).startswith(wanted.hash_prefix):
        part.unlink()
        raise CannotFetch(_advice(wanted, target, "did not give the file that was promised"))
    part.replace(target)
    return target


def _download(url: str, part: Path, told: Callable[[int, int | None], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is the whole, or more: its hash will tell
        raise
    with answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            for chunk in _chunks(answer):
                file.write(chunk)
                have += len(chunk)
                told(have, whole)
    if whole is not None and have < whole:
        raise ConnectionError("the connection broke off; the next try goes on from there")


def _chunks(answer: "urllib.request._UrlopenRet") -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK_BYTES):
        yield chunk


def _advice(wanted: WeightsFile, target: Path, what: str) -> str:
    return (
        f"{wanted.url} {what}. Put the file at {target} by hand, if you can get it elsewhere. "
        "Until then the `whitened` backbone paints, which needs no download."
    )


def main(arguments: Sequence[str] | None = None, files: Mapping[str, WeightsFile] = FILES) -> int:
    """Fetches pretrained weights with a progress bar; 0 where they are there at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m pastiche.engine.weights",
        description="Fetch the weights of a pretrained VGG-19.",
    )
    parser.add_argument("--backbone", choices=list(files), default="imagenet", help="which")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where the file is to lie")
    chosen = parser.parse_args(arguments)
    try:
        path = fetch(files[chosen.backbone], weights_folder(chosen.cache), _drawn)
    except CannotFetch as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    sys.stdout.write(f"\nThe pretrained weights are at {path}.\n")
    return 0


def _drawn(have: int, whole: int | None) -> None:
    share = have / whole if whole else 0.0
    bar = "█" * round(40 * share)
    of = f"/{whole / 1e6:.0f}" if whole else ""
    sys.stdout.write(f"\r{bar:<40} {share:4.0%}  {have / 1e6:.0f}{of} MB")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
