"""Which backbone paints: chosen before the images are known."""

from pathlib import Path
from typing import Protocol

from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.weights import IMAGENET, MissingWeights, imagenet_path
from pastiche.engine.whitened import Whitened
from pastiche.options import BackboneChoice


class BackboneSource(Protocol):
    """A backbone that was chosen; its network exists once the images are known.

    Attributes:
        name: `imagenet` or `whitened`.
        sha256: of its weights file, None where it has none.
    """

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str | None: ...

    def network(self, content: Tensor, style: Tensor) -> Backbone:
        """The network for these images, (1, 3, H, W) in 0 to 1, in float32 on their device."""
        ...


def choose_backbone(
    choice: BackboneChoice = "auto",
    folder: Path | None = None,
    *,
    hash_prefix: str = IMAGENET.hash_prefix,
) -> BackboneSource:
    """The backbone of that name; `auto` is `imagenet` where its file is there, else `whitened`.

    Args:
        folder: where the weights are looked for; None for `weights_folder()`.
        hash_prefix: what the SHA-256 of the pretrained weights has to begin with.

    Raises:
        MissingWeights: `imagenet` is asked for, and its file is not there.
    """
    path = imagenet_path(folder)
    if choice == "whitened" or (choice == "auto" and not path.exists()):
        return Whitened()
    if not path.exists():
        raise MissingWeights(
            f"The imagenet backbone needs its weights at {path}: `make weights` fetches them."
        )
    # torchvision takes a second to load; only this backbone needs it.
    from pastiche.engine.imagenet import Imagenet

    return Imagenet(path, hash_prefix=hash_prefix)
