"""The pretrained backbones: VGG-19 with torchvision's weights, or with those of the papers.

The one place that meets torchvision: its module says which tensors the files must hold, and in
which shapes.
"""

import pickle
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import vgg19

from pastiche.engine.backbone import CHANNELS, Backbone, Convolution
from pastiche.engine.weights import MissingWeights, WeightsFile, sha256_of
from pastiche.options import LAYERS, LayerName, Options


@dataclass(frozen=True, slots=True)
class Input:
    """How a network was shown its images: (x − mean) / deviation, x in RGB in 0 to 1.

    Attributes:
        blue_first: whether its first filters count the channels from blue to red.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    blue_first: bool = False


IMAGENET_INPUT = Input(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225))
"""As torchvision documents it."""

CAFFE_INPUT = Input(
    mean=(123.68 / 255, 116.779 / 255, 103.939 / 255), deviation=(1 / 255,) * 3, blue_first=True
)
"""In 0 to 255, from blue to red, less the mean of the images that it was trained on."""


@dataclass(frozen=True)
class Pretrained:
    """The choice of such a backbone: its file, which is read when its network is asked for.

    Raises:
        MissingWeights: from `sha256` and `network`, where the file is not there or not usable.
    """

    name: str
    path: Path
    file: WeightsFile
    input: Input

    @cached_property
    def sha256(self) -> str:
        try:
            return sha256_of(self.path)
        except OSError as error:
            raise MissingWeights(f"There are no weights at {self.path}.") from error

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """The network; the images do not matter but for their device."""
        if not self.sha256.startswith(self.file.hash_prefix):
            raise MissingWeights(
                f"{self.path} is not the file that is published as {self.file.name}, or not all "
                f"of it: its SHA-256 begins with {self.sha256[:8]}, not with "
                f"{self.file.hash_prefix}."
            )
        convolutions = load(self.path, LAYERS[: 1 + max(LAYERS.index(each) for each in layers)])
        convolutions["relu1_1"] = _shown(convolutions["relu1_1"], self.input)
        return Backbone(
            self.name,
            self.sha256,
            {
                layer: convolution.to(images[0].device, torch.float32)
                for layer, convolution in convolutions.items()
            },
            mean=self.input.mean,
            pooling=options.pooling,
            padding=options.padding,
        )


def load(path: Path, layers: Sequence[LayerName]) -> dict[LayerName, Convolution]:
    """The convolutions of these layers as the file has them.

    Raises:
        MissingWeights: no such file, or no state of torchvision's VGG-19.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise MissingWeights(f"There are no weights at {path}.") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingWeights(f"{path} is no file of weights, or a broken one.") from error
    keys = dict(zip(LAYERS, _keys(), strict=True))
    return {layer: _convolution(state, layer, keys[layer], path) for layer in layers}


def _keys() -> list[str]:
    """What torchvision calls its convolutions, in order."""
    with torch.device("meta"):
        layers = vgg19(weights=None).features
    return [f"features.{i}" for i, each in enumerate(layers) if isinstance(each, torch.nn.Conv2d)]


def _convolution(state: object, layer: LayerName, key: str, path: Path) -> Convolution:
    incoming, outgoing = CHANNELS[layer]
    wanted = {f"{key}.weight": (outgoing, incoming, 3, 3), f"{key}.bias": (outgoing,)}
    for name, shape in wanted.items():
        tensor = state.get(name) if isinstance(state, dict) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise MissingWeights(f"{path} holds no VGG-19: {name} should be of shape {shape}.")
    assert isinstance(state, dict)
    return Convolution(state[f"{key}.weight"].float(), state[f"{key}.bias"].float())


def _shown(first: Convolution, shown: Input) -> Convolution:
    """The first layer for x − mean, with x in RGB in 0 to 1: the division is in its filters.

    The mean is not: what lies beyond an edge that is padded with zeros is the mean then.
    """
    weight = first.weight.flip(1) if shown.blue_first else first.weight
    return Convolution(weight / torch.tensor(shown.deviation).view(1, 3, 1, 1), first.bias)
