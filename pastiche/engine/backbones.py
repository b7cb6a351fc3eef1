"""Which backbone paints: chosen before the images are known."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.weights import CAFFE, IMAGENET, MissingWeights, weights_folder
from pastiche.engine.whitened import Whitened
from pastiche.options import BackboneChoice, LayerName, Options


class BackboneSource(Protocol):
    """A backbone that was chosen; its network exists once the images are known.

    Attributes:
        name: `imagenet`, `caffe` or `whitened`.
        sha256: of its weights file, None where it has none.
    """

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str | None: ...

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network for these images, with these layers and all that lie before them.

        Args:
            images: the content image in the styles' colours and the style images, (1, 3, H, W) in
                0 to 1, in float32 on the device that the network is to be on.
        """
        ...


def choose_backbone(
    choice: BackboneChoice = "auto",
    folder: Path | None = None,
) -> BackboneSource:
    """The backbone of that name; `auto` is `imagenet` where its file is there, else `whitened`.

    Args:
        folder: where the weights are looked for; None for `weights_folder()`.

    Raises:
        MissingWeights: pretrained weights are asked for, and their file is not there.
    """
    file = CAFFE if choice == "caffe" else IMAGENET
    path = weights_folder(folder) / file.name
    if choice == "whitened" or (choice == "auto" and not path.exists()):
        return Whitened()
    if not path.exists():
        raise MissingWeights(
            f"The {choice} backbone needs its weights at {path}: "
            f"`make weights BACKBONE={choice}` fetches them."
        )
    # torchvision takes a second to load; only these backbones need it.
    from pastiche.engine.pretrained import CAFFE_INPUT, IMAGENET_INPUT, Pretrained

    if choice == "caffe":
        return Pretrained("caffe", path, file, CAFFE_INPUT)
    return Pretrained("imagenet", path, file, IMAGENET_INPUT)
