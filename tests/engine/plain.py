"""The objective as the papers write it: float64, loops, automatic differentiation, no tricks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import CHANNELS, Backbone, Convolution
from pastiche.options import LayerName, Normalisation, Padding, Pooling

FIVE = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0, "relu5_1": 1.0}


def thinned_channels(thinner: int) -> dict[LayerName, tuple[int, int]]:
    """`CHANNELS`, but every layer with fewer; an image still has three."""
    return {
        layer: (incoming if incoming == 3 else incoming // thinner, outgoing // thinner)
        for layer, (incoming, outgoing) in CHANNELS.items()
    }


@cache
def random_backbone(
    seed: int = 0,
    pooling: Pooling = "average",
    padding: Padding = "replicate",
    scale: float = 1.0,
    thinner: int = 1,
) -> Backbone:
    """A VGG-19 with He-initialised filters in float64: nothing is fitted to anything.

    Args:
        thinner: by how much the number of channels in each layer is divided.
    """
    generator = torch.Generator().manual_seed(seed)
    convolutions = {}
    for layer, (incoming, outgoing) in thinned_channels(thinner).items():
        shape = (outgoing, incoming, 3, 3)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        bias = 0.1 * torch.randn(outgoing, generator=generator, dtype=torch.float64)
        convolutions[layer] = Convolution(scale * weight * (2 / (9 * incoming)) ** 0.5, bias)
    mean = (0.4, 0.5, 0.6)
    return Backbone(
        "random",
        None,
        convolutions,
        mean=mean,
        pooling=pooling,
        padding=padding,
        dtype=torch.float64,
    )


@dataclass(frozen=True)
class Wanted:
    """What the plain objective is told, in the papers' own terms."""

    content: Tensor
    styles: Sequence[Tensor]
    alpha: float = 18.0
    beta: float = 7.5
    gamma: float = 15.0
    gamut: float = 1e4
    normalisation: Normalisation = "pastiche"
    content_layers: dict[str, float] = field(default_factory=lambda: {"relu4_2": 1.0})
    style_layers: dict[str, float] = field(default_factory=lambda: FIVE)
    blend: Sequence[float] = (1.0,)
    blends_grams: bool = False
    masks: Sequence[Tensor] = ()
    style_masks: Sequence[Tensor] = ()
    content_map: Tensor | None = None
    absolute: bool = False
    roots: bool = False
    centre: float = 0.0


def features(image: Tensor, backbone: Backbone) -> dict[str, Tensor]:
    """Every feature map: padding, 3×3 convolution, rectification, 2×2 averages or maxima."""
    pool = F.avg_pool2d if backbone.pooling == "average" else F.max_pool2d
    mode = "constant" if backbone.padding == "zeros" else backbone.padding
    maps, x = {}, image - torch.tensor(backbone.mean, dtype=image.dtype).view(1, 3, 1, 1)
    for layer, convolution in backbone.convolutions.items():
        if layer.endswith("_1") and layer != "relu1_1":
            x = pool(x, 2)
        x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode), convolution.weight, convolution.bias))
        maps[str(layer)] = x
    return maps


def gram_sum(feature_map: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """G_ij = Σ_k F_ik F_jk over M positions (Gatys et al. 2016, eq. 3), and M.

    With a mask, of the feature map times its guidance channel (Gatys et al. 2017, eq. 4); M is
    then what the squares of the channel add up to.
    """
    channel = torch.ones(feature_map.shape[2:], dtype=feature_map.dtype)
    if mask is not None:
        channel = F.adaptive_avg_pool2d(mask, (feature_map.shape[2], feature_map.shape[3]))[0, 0]
    rows = (feature_map[0] * channel).flatten(1)  # (C, M)
    return torch.stack([(rows * row).sum(dim=1) for row in rows]), (channel**2).sum()


def objective(image: Tensor, backbone: Backbone, wanted: Wanted) -> Tensor:
    """α·content + β·style + γ·total variation + gamut."""
    maps = features(image, backbone)
    down, across = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
    outside = (image - image.clamp(0, 1)) ** 2
    return (
        wanted.alpha * content_term(maps, backbone, wanted)
        + wanted.beta * style_term(maps, backbone, wanted)
        + wanted.gamma * variation(down, across, wanted)
        + wanted.gamut * outside.mean()
    )


def content_term(maps: dict[str, Tensor], backbone: Backbone, wanted: Wanted) -> Tensor:
    """Σ_l w_l · E_l over the content's layers."""
    photographed = features(wanted.content, backbone)
    whole = maps["relu1_1"].new_zeros(())
    for layer, weight in wanted.content_layers.items():
        target = photographed[layer]
        squares = (maps[layer] - target) ** 2
        if wanted.content_map is not None:
            squares = squares * F.adaptive_avg_pool2d(
                wanted.content_map, (target.shape[2], target.shape[3])
            )
        if wanted.normalisation == "pastiche":
            share = weight / sum(wanted.content_layers.values())
            by_size = max(1, max(wanted.content.shape[-2:]) / 256) ** 0.75
            term = by_size * squares.sum() / (target**2).sum()
            whole = whole + share * rooted(term, wanted)
        elif wanted.normalisation == "paper":
            whole = whole + weight * rooted(squares.sum() / 2, wanted)  # eq. 1
        else:
            whole = whole + weight * rooted(squares.mean(), wanted)
    return whole


def style_term(maps: dict[str, Tensor], backbone: Backbone, wanted: Wanted) -> Tensor:
    """Σ_s Σ_l w_l · E_l over the styles and their layers."""
    count = len(wanted.styles)
    blend = [weight / sum(wanted.blend) for weight in wanted.blend]
    areas = [mask.mean().item() for mask in wanted.masks]
    painted_maps = [features(style, backbone) for style in wanted.styles]
    whole = maps["relu1_1"].new_zeros(())
    for layer, weight in wanted.style_layers.items():
        targets = []
        for s, painted_map in enumerate(painted_maps):
            painted = painted_map[layer] - wanted.centre
            summed, places = gram_sum(
                painted, wanted.style_masks[s] if wanted.style_masks else None
            )
            targets.append(summed / places)
        shares = list(blend)
        if wanted.masks:
            crowd = max(1, sum(areas))
            shares = [count * b * area / crowd for b, area in zip(blend, areas, strict=True)]
        if wanted.blends_grams:
            mixed = torch.stack([b * t for b, t in zip(blend, targets, strict=True)]).sum(0)
            targets, shares = [mixed], [1.0]
        if wanted.normalisation == "pastiche":
            weight = weight / sum(wanted.style_layers.values())
        for s, (target, share) in enumerate(zip(targets, shares, strict=True)):
            mask = wanted.masks[s] if wanted.masks else None
            summed, places = gram_sum(maps[layer] - wanted.centre, mask)
            term = rooted(distance(summed, target * places, places, wanted), wanted)
            whole = whole + weight * share * term
    return whole


def distance(gram: Tensor, target: Tensor, places: Tensor, wanted: Wanted) -> Tensor:
    """E_l of two Gram matrices that are sums over as many positions, in each normalisation."""
    channels = gram.shape[0]
    squares = ((gram - target) ** 2).sum()
    if wanted.normalisation == "pastiche":
        return squares / (target**2).sum()
    if wanted.normalisation == "paper":
        return squares / (4 * channels**2 * places**2)  # eq. 4
    return ((gram / (channels * places) - target / (channels * places)) ** 2).mean()


def variation(down: Tensor, across: Tensor, wanted: Wanted) -> Tensor:
    """Of pixels in 0 to 1 as a mean; elsewhere of pixels in 0 to 255 as a sum."""
    if wanted.normalisation == "pastiche":
        parts = [step.abs() if wanted.absolute else step**2 for step in (down, across)]
        return parts[0].mean() + parts[1].mean()
    parts = [
        (255 * step).abs() if wanted.absolute else (255 * step) ** 2 for step in (down, across)
    ]
    return parts[0].sum() + parts[1].sum()


def rooted(value: Tensor, wanted: Wanted) -> Tensor:
    """Twice the root, less what makes it 0 at 0."""
    return 2 * ((value + 1e-8).sqrt() - 1e-4) if wanted.roots else value
