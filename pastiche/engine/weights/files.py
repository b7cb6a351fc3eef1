"""The files of the pretrained networks: where they are, and whether they are what they should be."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pastiche.engine.weights import vgg16


class MissingWeights(RuntimeError):
    """Pretrained weights are needed and are not there, or cannot be used."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; remembered until the file changes.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _sha256(path: Path, modified_ns: int, size_bytes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The weights of one backbone, as they are published.

    Attributes:
        name: of the file.
        digest: what its digest is, or begins with.
        megabytes: how large the file is.
        url: where the file itself can be downloaded; None where it is made from another file.
        compute_digest: the digest of a file; OSError or ValueError where it has none.
    """

    name: str
    digest: str
    megabytes: int
    url: str | None = None
    compute_digest: Callable[[Path], str] = sha256_of

    def checked_digest(self, path: Path) -> str:
        """The digest of the file at `path`, which is the published one.

        Raises:
            MissingWeights: there is no such file, or it is damaged, or another.
        """
        try:
            found = self.compute_digest(path)
        except FileNotFoundError as error:
            raise MissingWeights(f"There are no weights at {path}.") from error
        except OSError as error:
            raise MissingWeights(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise MissingWeights(str(error)) from error
        if not found.startswith(self.digest):
            raise MissingWeights(
                f"{path} is not the published {self.name}, or not all of it: its SHA-256 begins "
                f"with {found[:8]}, not with {self.digest[:8]}."
            )
        return found


VGG16 = WeightsFile(vgg16.NAME, vgg16.DIGEST, 59, compute_digest=vgg16.file_digest)
"""ImageNet's VGG-16 by its authors; its digest is over the tensors alone."""

VGG19 = WeightsFile(
    "vgg19-dcbb9e9d.pth",
    "dcbb9e9d",
    575,
    "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
)
"""torchvision's `VGG19_Weights.IMAGENET1K_V1`; a test compares this with torchvision."""

VGG19_CAFFE = WeightsFile(
    "vgg19-d01eb7cb.pth",
    "d01eb7cb",
    575,
    "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth",
)
"""The network that the papers used: Caffe's weights in torchvision's layout."""

FILES: Mapping[str, WeightsFile] = {"vgg16": VGG16, "vgg19": VGG19, "vgg19-caffe": VGG19_CAFFE}
"""By backbone."""


def weights_folders(folder: Path | None = None) -> list[Path]:
    """The folders that weights are looked for in, the first of which they are fetched into.

    They are `folder` alone, else those of `PASTICHE_WEIGHTS_FOLDER`, which like `PATH` may hold
    several, else `pastiche` in the user's cache.
    """
    if folder is not None:
        return [folder]
    chosen = os.environ.get("PASTICHE_WEIGHTS_FOLDER", "")
    folders = [Path(each) for each in chosen.split(os.pathsep) if each]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return folders or [Path(cache) / "pastiche"]


def weights_folder(folder: Path | None = None) -> Path:
    """The folder that weights are fetched into."""
    return weights_folders(folder)[0]


def find(file: WeightsFile, folder: Path | None = None) -> Path | None:
    """Where the file is; None where it is in no folder. Its contents are not checked."""
    paths: Iterator[Path] = (each / file.name for each in weights_folders(folder))
    return next((path for path in paths if path.exists()), None)
