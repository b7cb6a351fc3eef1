"""The weights files of the pretrained networks: finds and verifies them."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from pastiche.engine.weights import vgg16

log = logging.getLogger(__name__)


class MissingWeights(RuntimeError):
    """Pretrained weights are needed, but are missing or cannot be used."""


class CannotFetch(RuntimeError):
    """The weights could not be fetched. The message says why, and what to do."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=8)
def _cached_digest(
    compute_digest: Callable[[Path], str], path: Path, modified_ns: int, size_bytes: int
) -> str:
    """The digest of a file, computed again only when the file has changed."""
    return compute_digest(path)


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The weights of one backbone, as they are published.

    Attributes:
        name: the file's name.
        digest: its digest, or the beginning of it.
        megabytes: the size of the file.
        origin: who published and who trained the weights, in words.
        url: the URL of the file. None if it is made from another file.
        compute_digest: computes the digest of a file. Raises OSError or ValueError if it cannot.
    """

    name: str
    digest: str
    megabytes: int
    origin: str
    url: str | None = None
    compute_digest: Callable[[Path], str] = sha256_of

    def checked_digest(self, path: Path) -> str:
        """Checks that the file at `path` is the published one, and returns its digest.

        Raises:
            MissingWeights: the file does not exist, is damaged, or is a different one.
        """
        try:
            stat = path.stat()
            found = _cached_digest(self.compute_digest, path, stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError as error:
            raise MissingWeights(f"There are no weights at {path}.") from error
        except OSError as error:
            raise MissingWeights(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise MissingWeights(str(error)) from error
        except ImportError as error:
            raise MissingWeights(
                f"{path} cannot be read without {error.name}: pip install {error.name}"
            ) from error
        if not found.startswith(self.digest):
            raise MissingWeights(
                f"{path} is not the published {self.name}, or is incomplete: its SHA-256 begins "
                f"with {found[:8]}, not with {self.digest[:8]}."
            )
        return found

    def is_whole(self, path: Path) -> bool:
        """Whether the published file is at `path`."""
        try:
            self.checked_digest(path)
        except MissingWeights:
            return False
        return True


VGG16 = WeightsFile(
    vgg16.NAME,
    vgg16.DIGEST,
    59,
    "the package index: Simonyan and Zisserman's own, CC BY 4.0",
    compute_digest=vgg16.file_digest,
)
"""ImageNet's VGG-16 by its authors; its digest is over the tensors alone."""

VGG19 = WeightsFile(
    "vgg19-dcbb9e9d.pth",
    "dcbb9e9d",
    575,
    "download.pytorch.org: torchvision's training",
    "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
)
"""torchvision's `VGG19_Weights.IMAGENET1K_V1`; a test compares this with torchvision."""

VGG19_CAFFE = WeightsFile(
    "vgg19-d01eb7cb.pth",
    "d01eb7cb",
    575,
    "web.eecs.umich.edu: Simonyan and Zisserman's own, by way of Caffe",
    "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth",
)
"""The network that the papers used: Caffe's weights in torchvision's layout."""

FILES = {"vgg19": VGG19, "vgg16": VGG16, "vgg19-caffe": VGG19_CAFFE}
"""By backbone."""

AUTO = ("vgg19", "vgg16", "whitened")
"""The backbones that `auto` stands for: the first of them that can be used."""


def weights_folders(folder: Path | None = None) -> list[Path]:
    """The folders that are searched for weights. Weights are fetched into the first.

    They are the folders in `folder`, or else in `PASTICHE_WEIGHTS_FOLDER`, both of which may name
    several as `PATH` does, or else `pastiche` in the user's cache.
    """
    chosen = str(folder or os.environ.get("PASTICHE_WEIGHTS_FOLDER", ""))
    if folders := [Path(each) for each in chosen.split(os.pathsep) if each]:
        return folders
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [Path(cache) / "pastiche"]


def weights_folder(folder: Path | None = None) -> Path:
    """The folder that weights are fetched into."""
    return weights_folders(folder)[0]


def find(file: WeightsFile, folder: Path | None = None) -> Path | None:
    """The path of the file. None if it is in no folder. Its contents are not checked."""
    paths: Iterator[Path] = (each / file.name for each in weights_folders(folder))
    return next((path for path in paths if path.exists()), None)


def available_backbones(folder: Path | None = None) -> tuple[str, ...]:
    """The backbones that can paint here: those whose weights are installed and undamaged, and
    `whitened`, which needs none."""
    return (*(name for name, file in FILES.items() if _is_usable(file, folder)), "whitened")


def automatic_backbone(folder: Path | None = None) -> str:
    """The backbone that `auto` stands for here."""
    return next(name for name in AUTO if name == "whitened" or _is_usable(FILES[name], folder))


def _is_usable(file: WeightsFile, folder: Path | None) -> bool:
    path = find(file, folder)
    if path is None:
        return False
    try:
        file.checked_digest(path)
    except MissingWeights as error:
        _warn_once(str(error))
        return False
    return True


@cache
def _warn_once(sentence: str) -> None:
    """Warns once, because a worker checks the files every few seconds."""
    log.warning("Weights are ignored: %s", sentence)
