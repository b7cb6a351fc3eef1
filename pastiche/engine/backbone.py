"""VGG-19 up to conv5_1: an image in, feature maps at named layers out.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
configuration E; with average pooling, which Gatys, Ecker and Bethge (2016), section 2, prefer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS: dict[str, tuple[int, int]] = {
    "relu1_1": (3, 64),
    "relu1_2": (64, 64),
    "relu2_1": (64, 128),
    "relu2_2": (128, 128),
    "relu3_1": (128, 256),
    "relu3_2": (256, 256),
    "relu3_3": (256, 256),
    "relu3_4": (256, 256),
    "relu4_1": (256, 512),
    "relu4_2": (512, 512),
    "relu4_3": (512, 512),
    "relu4_4": (512, 512),
    "relu5_1": (512, 512),
}
"""Every layer in order, with the channels that come in and go out."""

POOLED_BEFORE = frozenset({"relu2_1", "relu3_1", "relu4_1", "relu5_1"})
"""The layers that begin a block: half the resolution of what comes before."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer's filters, (C_out, C_in, 3, 3), and biases, (C_out)."""

    weight: Tensor
    bias: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Convolution":
        weight = self.weight.to(device, dtype, memory_format=torch.channels_last)
        return Convolution(weight, self.bias.to(device, dtype))

    def __call__(self, features: Tensor) -> Tensor:
        """(1, C_in, H, W) → (1, C_out, H, W), rectified; edges replicated, so no frame appears."""
        return F.relu(F.conv2d(replicated(features), self.weight, self.bias), inplace=True)


@dataclass(frozen=True, slots=True)
class Backbone:
    """A VGG-19 with frozen filters.

    Attributes:
        name: `imagenet` or `whitened`.
        sha256: of its weights file; None where it has none.
        convolutions: by layer, in the order of `CHANNELS`.
        centre: subtracted from every feature map before its Gram matrix is taken. The paper's
            network has none. Where the mean answer of every filter is 1 by construction, the
            common mean would make up most of the Gram matrix and say nothing of the style.
        shares: by style layer, its share of the style loss (w_l of eq. 5); they add up to 1.
        knows_colour: whether it sees every colour, and its deep layers tell what is shown from
            the colours it has. Where not, the content image is given the style's palette, and
            the pastiche is kept to it.
    """

    name: str
    sha256: str | None
    convolutions: Mapping[str, Convolution]
    centre: float = 0.0
    shares: Mapping[str, float] = field(
        default_factory=lambda: {layer: 1 / len(STYLE_LAYERS) for layer in STYLE_LAYERS}
    )
    knows_colour: bool = True

    def to(self, device: torch.device, dtype: torch.dtype) -> "Backbone":
        """The same network on a device and in a precision, its filters in channels_last."""
        moved = {name: each.to(device, dtype) for name, each in self.convolutions.items()}
        return replace(self, convolutions=moved)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """The feature maps of an image at every style layer and the content layer.

        Args:
            image: (1, 3, H, W) in 0 to 1.

        Returns:
            {layer: (1, C, ⌊H/s⌋, ⌊W/s⌋)}, in the network's precision, s = 1, 2, 4, 8, 16.
        """
        weight = self.convolutions["relu1_1"].weight
        x = image.to(weight.device, weight.dtype).contiguous(memory_format=torch.channels_last)
        kept = {}
        for layer, convolution in self.convolutions.items():
            x = convolution(pooled(x) if layer in POOLED_BEFORE else x)
            if layer in STYLE_LAYERS or layer == CONTENT_LAYER:
                kept[layer] = x
        return kept


def pooled(features: Tensor) -> Tensor:
    """(1, C, H, W) → (1, C, ⌊H/2⌋, ⌊W/2⌋) by averages of 2×2; a side of 1 stays as it is."""
    kernel = tuple(min(2, side) for side in features.shape[-2:])
    return F.avg_pool2d(features, kernel)


def replicated(features: Tensor) -> Tensor:
    """(1, C, H, W) → (1, C, H+2, W+2), the edges repeated once."""
    padded: Tensor = _Replicated.apply(features)
    return padded


class _Replicated(torch.autograd.Function):
    """Replicate padding with a backward pass of its own.

    That of `ReplicationPad2d` on CUDA adds in no fixed order; that of slices put together costs a
    third of an iteration on a processor.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        padded = F.pad(features, (1, 1, 1, 1), mode="replicate")
        return padded.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (outer,) = gradients  # (1, C, H+2, W+2)
        inner = outer[..., 1:-1, 1:-1].clone(memory_format=torch.channels_last)
        for edge in (0, -1):
            inner[..., edge, :] += outer[..., edge, 1:-1]
            inner[..., :, edge] += outer[..., 1:-1, edge]
            for other in (0, -1):
                inner[..., edge, other] += outer[..., edge, other]
        return inner
