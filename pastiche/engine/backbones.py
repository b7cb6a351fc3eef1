"""Which backbone paints: chosen before the images are known."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.pretrained import CAFFE_INPUT, TORCHVISION_INPUT, Input, Pretrained
from pastiche.engine.weights import FILES, MissingWeights, WeightsFile, find, weights_folder
from pastiche.engine.whitened import Whitened
from pastiche.options import BackboneChoice, LayerName, Options


class BackboneSource(Protocol):
    """A backbone that was chosen; its network exists once the images are known.

    Attributes:
        name: `vgg16`, `vgg19`, `vgg19-caffe` or `whitened`.
        sha256: the digest of its weights, None where it has none.
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


PRETRAINED: Mapping[str, tuple[WeightsFile, Input]] = {
    "vgg19": (FILES["vgg19"], TORCHVISION_INPUT),
    "vgg16": (FILES["vgg16"], CAFFE_INPUT),
    "vgg19-caffe": (FILES["vgg19-caffe"], CAFFE_INPUT),
}
"""Each pretrained backbone's file, and what it must be shown."""

AUTO: tuple[BackboneChoice, ...] = ("vgg19", "vgg16")
"""The backbones that `auto` looks for, in this order, before it takes `whitened`."""


def choose_backbone(
    choice: BackboneChoice = "auto",
    folder: Path | None = None,
) -> BackboneSource:
    """The backbone of that name; `auto` is the first of `vgg19` and `vgg16` whose file is there,
    else `whitened`.

    Args:
        folder: where the weights are looked for; None for `weights_folders()`.

    Raises:
        MissingWeights: pretrained weights are needed, and their file is not there.
    """
    if choice == "auto":
        choice = next((name for name in AUTO if _is_there(name, folder)), "whitened")
    if choice == "whitened":
        return Whitened()
    file, shown = PRETRAINED[choice]
    path = find(file, folder)
    if path is None:
        raise MissingWeights(
            f"The {choice} backbone needs its weights at {weights_folder(folder) / file.name}: "
            f"`pastiche weights {choice}` or `make weights BACKBONE={choice}` fetches them."
        )
    return Pretrained(choice, path, file, shown)


def available_backbones(folder: Path | None = None) -> tuple[str, ...]:
    """The backbones that can paint here: those whose weights are there, and `whitened`."""
    return (*(name for name in PRETRAINED if _is_there(name, folder)), "whitened")


def _is_there(name: str, folder: Path | None) -> bool:
    return find(PRETRAINED[name][0], folder) is not None
