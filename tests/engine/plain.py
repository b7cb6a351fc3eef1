"""The objective as the papers write it: float64, loops, automatic differentiation, no tricks."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import CHANNELS, Backbone, Convolution

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def random_backbone(seed: int = 0, centre: float = 0.0) -> Backbone:
    """A VGG-19 with He-initialised filters in float64: nothing is fitted to anything."""
    generator = torch.Generator().manual_seed(seed)
    convolutions = {}
    for layer, (incoming, outgoing) in CHANNELS.items():
        shape = (outgoing, incoming, 3, 3)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        bias = 0.1 * torch.randn(outgoing, generator=generator, dtype=torch.float64)
        convolutions[layer] = Convolution(weight * (2 / (9 * incoming)) ** 0.5, bias)
    return Backbone("random", None, convolutions, centre)


def features(image: Tensor, backbone: Backbone) -> dict[str, Tensor]:
    """Every feature map: replicate padding, 3×3 convolution, rectification, 2×2 averages."""
    maps, x = {}, image
    for layer, convolution in backbone.convolutions.items():
        if layer.endswith("_1") and layer != "relu1_1":
            x = F.avg_pool2d(x, 2)
        x = F.relu(
            F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), convolution.weight, convolution.bias)
        )
        maps[layer] = x
    return maps


def gram(feature_map: Tensor) -> Tensor:
    """G_ij = Σ_k F_ik F_jk over M positions, divided by M (Gatys et al. 2016, eq. 3)."""
    rows = feature_map[0].flatten(1)  # (C, M)
    return torch.stack([(rows * row).sum(dim=1) for row in rows]) / rows.shape[1]


def objective(
    image: Tensor,
    content: Tensor,
    style: Tensor,
    backbone: Backbone,
    weights: tuple[float, float, float, float],
) -> Tensor:
    """α·content + β·style + γ·total variation + gamut, each normalised by its target."""
    maps, photographed, painted = (features(each, backbone) for each in (image, content, style))
    alpha, beta, gamma, gamut = weights
    target = photographed["relu4_2"]
    content_term = ((maps["relu4_2"] - target) ** 2).mean() / (target**2).mean()
    style_term = image.new_zeros(())
    for layer in STYLE:
        wanted = gram(painted[layer] - backbone.centre)
        difference = gram(maps[layer] - backbone.centre) - wanted
        style_term = style_term + (difference**2).sum() / (wanted**2).sum() / len(STYLE)
    down, across = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
    smooth = (down**2).mean() + (across**2).mean()
    outside = (image - image.clamp(0, 1)) ** 2
    return alpha * content_term + beta * style_term + gamma * smooth + gamut * outside.mean()
