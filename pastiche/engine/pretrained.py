"""The pretrained backbone: torchvision's VGG-19, `VGG19_Weights.IMAGENET1K_V1`, from a file.

The one place that meets torchvision: its module says which tensors the file must hold, and in
which shapes.
"""

import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import vgg19

from pastiche.engine.backbone import CHANNELS, Backbone, Convolution
from pastiche.engine.weights import IMAGENET, MissingWeights, sha256_of

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of the images that it was trained on, in RGB in 0 to 1, as torchvision documents them."""


@dataclass(frozen=True)
class Imagenet:
    """The choice of this backbone: its file, which is read when its network is asked for.

    Raises:
        MissingWeights: from `sha256` and `network`, where the file is not there or not usable.
    """

    path: Path
    name: str = "imagenet"
    hash_prefix: str = IMAGENET.hash_prefix

    @cached_property
    def sha256(self) -> str:
        try:
            return sha256_of(self.path)
        except OSError as error:
            raise MissingWeights(f"There are no weights at {self.path}.") from error

    def network(self, content: Tensor, style: Tensor) -> Backbone:
        """The network; the images do not matter but for their device."""
        del style
        if not self.sha256.startswith(self.hash_prefix):
            raise MissingWeights(
                f"{self.path} is not the file that torchvision publishes, or not all of it: its "
                f"SHA-256 begins with {self.sha256[:8]}, not with {self.hash_prefix}."
            )
        convolutions = {
            layer: convolution.to(content.device, torch.float32)
            for layer, convolution in load(self.path).items()
        }
        return Backbone(self.name, self.sha256, convolutions)


def load(path: Path) -> dict[str, Convolution]:
    """The convolutions up to relu5_1; the first takes images in 0 to 1.

    Raises:
        MissingWeights: no such file, or no state of torchvision's VGG-19.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise MissingWeights(f"There are no weights at {path}.") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingWeights(f"{path} is no file of weights, or a broken one.") from error
    convolutions = {
        layer: _convolution(state, key, path) for layer, key in zip(CHANNELS, _keys(), strict=False)
    }
    convolutions["relu1_1"] = _taking_plain_images(convolutions["relu1_1"])
    return convolutions


def _keys() -> list[str]:
    """What torchvision calls its convolutions, in order."""
    with torch.device("meta"):
        layers = vgg19(weights=None).features
    return [f"features.{i}" for i, each in enumerate(layers) if isinstance(each, torch.nn.Conv2d)]


def _convolution(state: object, key: str, path: Path) -> Convolution:
    layer = dict(zip(_keys(), CHANNELS, strict=False))[key]
    incoming, outgoing = CHANNELS[layer]
    wanted = {f"{key}.weight": (outgoing, incoming, 3, 3), f"{key}.bias": (outgoing,)}
    for name, shape in wanted.items():
        tensor = state.get(name) if isinstance(state, dict) else None
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise MissingWeights(f"{path} holds no VGG-19: {name} should be of shape {shape}.")
    assert isinstance(state, dict)
    return Convolution(state[f"{key}.weight"].float(), state[f"{key}.bias"].float())


def _taking_plain_images(first: Convolution) -> Convolution:
    """The first layer with its input's normalisation in it: w·(x − μ)/σ + b = (w/σ)·x + b′.

    Exact at the borders too, as they are replicated and not filled with zeros.
    """
    weight = first.weight / torch.tensor(DEVIATION).view(1, 3, 1, 1)
    shift = (weight * torch.tensor(MEAN).view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    return Convolution(weight, first.bias - shift)
