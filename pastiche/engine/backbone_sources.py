"""Which backbone paints: the pretrained VGG-16 and VGG-19, or one that is fitted to the images.

A backbone is chosen before the images are known, and its network loaded or fitted afterwards.
"""

import pickle
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone, BackboneSource
from pastiche.engine.plain import Convolution
from pastiche.engine.weights import vgg16
from pastiche.engine.weights.files import (
    FILES,
    MissingWeights,
    WeightsFile,
    automatic_backbone,
    find,
    weights_folder,
)
from pastiche.engine.whitened import Whitened
from pastiche.network_layers import CHANNELS, POOLED_BEFORE
from pastiche.options import LAYERS, VGG16_LAYERS, BackboneChoice, LayerName, Options


def choose_backbone(
    choice: BackboneChoice = "auto",
    folder: Path | None = None,
) -> BackboneSource:
    """The backbone of that name. `auto` is the first of `vgg19`, `vgg16` and `whitened` whose
    weights are installed and undamaged.

    Args:
        folder: where the weights are; None for `weights_folders()`.

    Raises:
        MissingWeights: the file of the pretrained weights is missing or damaged.
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
    return Pretrained(name, path, file)


@dataclass(frozen=True, slots=True)
class InputScaling:
    """How a network takes its images: (x − mean) / deviation, x in RGB in 0 to 1.

    Attributes:
        blue_first: whether its channels are in the order BGR.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    blue_first: bool = False


TORCHVISION_INPUT = InputScaling(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""As torchvision documents it."""

CAFFE_INPUT = InputScaling(
    mean=(123.68 / 255, 116.779 / 255, 103.939 / 255), deviation=(1 / 255,) * 3, blue_first=True
)
"""In 0 to 255, BGR, minus the mean of the images that the network was trained on."""

INPUTS: Mapping[str, InputScaling] = {
    "vgg16": CAFFE_INPUT,
    "vgg19": TORCHVISION_INPUT,
    "vgg19-caffe": CAFFE_INPUT,
}
"""By pretrained backbone."""


@dataclass(frozen=True)
class Pretrained:
    """A pretrained backbone: its file is read when its network is needed.

    Raises:
        MissingWeights: from `sha256` and `network`, where the file is missing or damaged.
    """

    name: str
    path: Path
    file: WeightsFile

    @cached_property
    def sha256(self) -> str:
        return self.file.checked_digest(self.path)

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network, on the CPU; it does not depend on the images."""
        sha256, scaling = self.file.checked_digest(self.path), INPUTS[self.name]
        convolutions = load(self.path, layers)
        convolutions["relu1_1"] = _scale_input(convolutions["relu1_1"], scaling)
        return Backbone(
            self.name,
            sha256,
            convolutions,
            mean=scaling.mean,
            pooling="average" if options.pooling == "average" else "max",
            padding=options.padding,
        )


def load(path: Path, layers: Collection[LayerName]) -> dict[LayerName, Convolution]:
    """The convolutions of a file down to the deepest of these layers.

    Args:
        path: `vgg16.safetensors`, or the state of torchvision's VGG-19.

    Raises:
        MissingWeights: the file does not exist, or it does not hold such a network.
    """
    network: Sequence[LayerName]
    keys: Sequence[str]
    tensors: Mapping[str, object]
    if path.suffix == ".safetensors":
        network, keys, tensors = VGG16_LAYERS, vgg16.CONVOLUTIONS, vgg16.load(path)
    else:
        network, keys, tensors = LAYERS, _torchvision_keys(), _load_state(path)
    deepest = max(network.index(layer) for layer in layers)
    return {
        layer: _convolution(tensors, layer, key, path)
        for layer, key in list(zip(network, keys, strict=True))[: 1 + deepest]
    }


def _load_state(path: Path) -> Mapping[str, object]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise MissingWeights(f"There are no weights at {path}.") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingWeights(f"{path} is damaged, or not a file of weights.") from error
    return state if isinstance(state, dict) else {}


def _torchvision_keys() -> Sequence[str]:
    """The names of the convolutions of torchvision's VGG-19, in order. torchvision counts poolings
    and ReLUs as layers, too."""
    keys, index = list[str](), 0
    for layer in LAYERS:
        index += layer in POOLED_BEFORE
        keys.append(f"features.{index}")
        index += 2
    return keys


def _convolution(
    tensors: Mapping[str, object], layer: LayerName, key: str, path: Path
) -> Convolution:
    incoming, outgoing = CHANNELS[layer]
    parameters: list[Tensor] = []
    for part, shape in (("weight", (outgoing, incoming, 3, 3)), ("bias", (outgoing,))):
        tensor = tensors.get(f"{key}.{part}")
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise MissingWeights(
                f"{path} does not hold a VGG: {key}.{part} should be of shape {shape}."
            )
        parameters.append(tensor.float())
    weight, bias = parameters
    return Convolution(weight, bias)


def _scale_input(first: Convolution, scaling: InputScaling) -> Convolution:
    """The first layer for inputs x − mean, with x in RGB in 0 to 1.

    Its filters include the division by the deviation. They do not include the subtraction of the
    mean, so that zero padding pads with the mean.
    """
    weight = first.weight.flip(1) if scaling.blue_first else first.weight
    return Convolution(weight / weight.new_tensor(scaling.deviation).view(1, 3, 1, 1), first.bias)
