"""Which backbone paints: chosen before the images are known."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.pretrained import CAFFE_INPUT, TORCHVISION_INPUT, Input, Pretrained
from pastiche.engine.weights import (
    FILES,
    MissingWeights,
    automatic_backbone,
    find,
    weights_folder,
)
from pastiche.engine.whitened import Whitened
from pastiche.options import BackboneChoice, LayerName, Options


class BackboneSource(Protocol):
    """A backbone that was chosen; its network exists once the images are known.

    Attributes:
        name: `vgg16`, `vgg19`, `vgg19-caffe` or `whitened`.
        sha256: the digest of its weights, None where it has none.
        shares: of the style loss, by layer, by default.
    """

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str | None: ...

    @property
    def shares(self) -> Mapping[LayerName, float]: ...

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network for these images, with these layers and all that lie before them.

        Args:
            images: the content image in the styles' colours and the style images, (1, 3, H, W) in
                0 to 1, in float32 on the device that the network is to be on.
        """
        ...


INPUTS: Mapping[str, Input] = {
    "vgg16": CAFFE_INPUT,
    "vgg19": TORCHVISION_INPUT,
    "vgg19-caffe": CAFFE_INPUT,
}
"""What each pretrained backbone must be shown."""


def choose_backbone(
    choice: BackboneChoice = "auto",
    folder: Path | None = None,
) -> BackboneSource:
    """The backbone of that name; `auto` is the first of `vgg19`, `vgg16` and `whitened` whose
    weights are there and whole.

    Args:
        folder: where the weights are looked for; None for `weights_folders()`.

    Raises:
        MissingWeights: pretrained weights are needed, and their file is not there, or damaged.
    """
    name = automatic_backbone(folder) if choice == "auto" else choice
    if name == "whitened":
        return Whitened()
    file = FILES[name]
    path = find(file, folder)
    if path is None:
        raise MissingWeights(
            f"The {name} backbone needs its weights at {weights_folder(folder) / file.name}: "
            f"`pastiche weights {name}` or `make weights BACKBONE={name}` fetches them."
        )
    file.checked_digest(path)
    return Pretrained(name, path, file, INPUTS[name])
