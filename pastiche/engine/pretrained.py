"""The pretrained backbones: VGG-16 and VGG-19 with the weights that others trained.

The one place that meets torchvision: its module says which tensors a file of its layout must hold.
"""

import pickle
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.layers import Convolution
from pastiche.engine.weights import MissingWeights, WeightsFile, vgg16
from pastiche.network_layers import CHANNELS, VGG_SHARES
from pastiche.options import LAYERS, VGG16_LAYERS, LayerName, Options


@dataclass(frozen=True, slots=True)
class Input:
    """How a network was shown its images: (x − mean) / deviation, x in RGB in 0 to 1.

    Attributes:
        blue_first: whether its first filters count the channels from blue to red.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    blue_first: bool = False


TORCHVISION_INPUT = Input(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""As torchvision documents it."""

CAFFE_INPUT = Input(
    mean=(123.68 / 255, 116.779 / 255, 103.939 / 255), deviation=(1 / 255,) * 3, blue_first=True
)
"""In 0 to 255, from blue to red, less the mean of the images that it was trained on."""


@dataclass(frozen=True)
class Pretrained:
    """The choice of such a backbone: its file, which is read when its network is needed.

    Raises:
        MissingWeights: from `sha256` and `network`, where the file is not there or not usable.
    """

    name: str
    path: Path
    file: WeightsFile
    input: Input
    shares: Mapping[LayerName, float] = field(default_factory=lambda: VGG_SHARES)

    @cached_property
    def sha256(self) -> str:
        return self.file.checked_digest(self.path)

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network; the images do not matter but for their device."""
        sha256 = self.file.checked_digest(self.path)
        convolutions = load(self.path, layers)
        convolutions["relu1_1"] = _with_input(convolutions["relu1_1"], self.input)
        return Backbone(
            self.name,
            sha256,
            convolutions,
            mean=self.input.mean,
            pooling="average" if options.pooling == "average" else "max",
            padding=options.padding,
        ).on(images[0].device)


def load(path: Path, layers: Collection[LayerName]) -> dict[LayerName, Convolution]:
    """The convolutions of a file down to the deepest of these layers.

    Args:
        path: `vgg16.safetensors`, or the state of torchvision's VGG-19.

    Raises:
        MissingWeights: no such file, or it holds no such network.
    """
    if path.suffix == ".safetensors":
        return _load_vgg16(path, _down_to(layers, VGG16_LAYERS))
    return _load_vgg19(path, _down_to(layers, LAYERS))


def _down_to(layers: Collection[LayerName], network: Sequence[LayerName]) -> Sequence[LayerName]:
    return network[: 1 + max(network.index(layer) for layer in layers)]


def _load_vgg16(path: Path, layers: Sequence[LayerName]) -> dict[LayerName, Convolution]:
    names = dict(zip(VGG16_LAYERS, vgg16.CONVOLUTIONS, strict=True))
    tensors = vgg16.load(path)
    return {
        layer: Convolution(tensors[f"{names[layer]}.weight"], tensors[f"{names[layer]}.bias"])
        for layer in layers
    }


def _load_vgg19(path: Path, layers: Sequence[LayerName]) -> dict[LayerName, Convolution]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise MissingWeights(f"There are no weights at {path}.") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingWeights(f"{path} is no file of weights, or a broken one.") from error
    keys = dict(zip(LAYERS, _torchvision_keys(), strict=True))
    return {layer: _convolution(state, layer, keys[layer], path) for layer in layers}


def _torchvision_keys() -> list[str]:
    """What torchvision calls the convolutions of its VGG-19, in order."""
    # It takes a second to load, which `vgg16` need not wait for.
    from torchvision.models import vgg19

    with torch.device("meta"):
        layers = vgg19(weights=None).features
    return [f"features.{i}" for i, each in enumerate(layers) if isinstance(each, torch.nn.Conv2d)]


def _convolution(state: object, layer: LayerName, key: str, path: Path) -> Convolution:
    incoming, outgoing = CHANNELS[layer]
    shapes = {f"{key}.weight": (outgoing, incoming, 3, 3), f"{key}.bias": (outgoing,)}
    for name, shape in shapes.items():
        tensor = state.get(name) if isinstance(state, dict) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise MissingWeights(f"{path} holds no VGG-19: {name} should be of shape {shape}.")
    assert isinstance(state, dict)
    return Convolution(state[f"{key}.weight"].float(), state[f"{key}.bias"].float())


def _with_input(first: Convolution, shown: Input) -> Convolution:
    """The first layer for x − mean, with x in RGB in 0 to 1: the division is in its filters.

    The mean is not: what lies beyond an edge that is padded with zeros is the mean then.
    """
    weight = first.weight.flip(1) if shown.blue_first else first.weight
    return Convolution(weight / torch.tensor(shown.deviation).view(1, 3, 1, 1), first.bias)
