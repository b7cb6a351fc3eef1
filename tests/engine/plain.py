"""The objective as the papers write it: float64, loops, automatic differentiation, no tricks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import CHANNELS, Backbone
from pastiche.engine.fast.convolution import NetworkPooling
from pastiche.engine.plain import Convolution
from pastiche.options import LayerName, Normalisation, Padding, StyleStatistic

FOUR = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0}
FIVE = {**FOUR, "relu5_1": 1.0}


def thinned_channels(thinner: int) -> dict[LayerName, tuple[int, int]]:
    """`CHANNELS`, but every layer with fewer; an image still has three."""
    return {
        layer: (incoming if incoming == 3 else incoming // thinner, outgoing // thinner)
        for layer, (incoming, outgoing) in CHANNELS.items()
    }


@cache
def random_backbone(
    seed: int = 0,
    pooling: NetworkPooling = "average",
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
    statistic: StyleStatistic = "moments"
    style_layers: dict[str, float] = field(default_factory=lambda: FOUR)
    blend: Sequence[float] = (1.0,)
    blends_statistics: bool = False
    masks: Sequence[Tensor] = ()
    style_masks: Sequence[Tensor] = ()
    content_map: Tensor | None = None
    absolute: bool = False
    normalises_gradients: bool = False
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


@dataclass(frozen=True)
class Statistics:
    """Of a feature map: its Gram matrix as a mean over positions, and their mean, μ."""

    gram: Tensor
    mean: Tensor
    places: Tensor

    @property
    def covariance(self) -> Tensor:
        """Σ = 1/M Σ_k (F_ik − μ_i)(F_jk − μ_j)."""
        return self.gram - self.mean[:, None] * self.mean[None, :]


def statistics(feature_map: Tensor, mask: Tensor | None) -> Statistics:
    """G_ij = 1/M Σ_k F_ik F_jk and μ_i = 1/M Σ_k F_ik over M positions (Gatys et al. 2016, eq. 3).

    With a mask, of the feature map times its guidance channel (Gatys et al. 2017, eq. 4); M is
    then what the squares of the channel add up to.
    """
    channel = torch.ones(feature_map.shape[2:], dtype=feature_map.dtype)
    if mask is not None:
        channel = F.adaptive_avg_pool2d(mask, (feature_map.shape[2], feature_map.shape[3]))[0, 0]
    places = (channel**2).sum()
    rows = (feature_map[0] * channel).flatten(1)  # (C, M)
    products = torch.stack([(rows * row).sum(dim=1) for row in rows])
    mean = (feature_map[0] * channel**2).flatten(1).sum(dim=1) / places
    return Statistics(products / places, mean, places)


def objective(image: Tensor, backbone: Backbone, wanted: Wanted) -> Tensor:
    """α·content + β·style + γ·total variation + gamut."""
    maps = features(image, backbone)
    terms = network_terms(maps, backbone, wanted)
    return sum(terms.values(), pixel_terms(image, wanted))


def gradient(image: Tensor, backbone: Backbone, wanted: Wanted) -> Tensor:
    """The objective's gradient at the pixels; with normalised gradients, that of each layer's term
    at its feature map divided by its L1 norm, times the term's weight (neural_style.lua)."""
    at = image.clone().requires_grad_(True)
    if not wanted.normalises_gradients:
        return torch.autograd.grad(objective(at, backbone, wanted), at)[0]
    maps = features(at, backbone)
    followed = pixel_terms(at, wanted)
    for (kind, layer), term in network_terms(maps, backbone, wanted).items():
        weight = weights(kind, wanted)[layer]
        (pull,) = torch.autograd.grad(term / weight, maps[layer], retain_graph=True)
        normalised = weight * pull / (pull.abs().sum() + 1e-8)
        followed = followed + (normalised * maps[layer]).sum()
    return torch.autograd.grad(followed, at)[0]


def pixel_terms(image: Tensor, wanted: Wanted) -> Tensor:
    """γ·total variation + gamut."""
    down, across = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
    outside = (image - image.clamp(0, 1)) ** 2
    return wanted.gamma * variation(down, across, wanted) + wanted.gamut * outside.mean()


def weights(kind: str, wanted: Wanted) -> dict[str, float]:
    """What each layer's term is multiplied with."""
    factor, layers = wanted.alpha, wanted.content_layers
    if kind == "style":
        factor, layers = wanted.beta, wanted.style_layers
    whole = sum(layers.values()) if wanted.normalisation == "pastiche" else 1.0
    return {layer: factor * weight / whole for layer, weight in layers.items()}


def network_terms(
    maps: dict[str, Tensor], backbone: Backbone, wanted: Wanted
) -> dict[tuple[str, str], Tensor]:
    """Each layer's content and style term, its weight included."""
    terms = {}
    photographed = features(wanted.content, backbone)
    for layer, weight in weights("content", wanted).items():
        terms["content", layer] = weight * content_distance(
            maps[layer], photographed[layer], wanted
        )
    painted = [features(style, backbone) for style in wanted.styles]
    for layer, weight in weights("style", wanted).items():
        styles = [each[layer] - wanted.centre for each in painted]
        terms["style", layer] = weight * style_distance(maps[layer] - wanted.centre, styles, wanted)
    return terms


def content_distance(found: Tensor, target: Tensor, wanted: Wanted) -> Tensor:
    """E_l of eq. 1, in each normalisation."""
    squares = (found - target) ** 2
    if wanted.content_map is not None:
        squares = squares * F.adaptive_avg_pool2d(
            wanted.content_map, (target.shape[2], target.shape[3])
        )
    if wanted.normalisation == "pastiche":
        by_size = float(max(1, max(wanted.content.shape[-2:]) / 256) ** 0.5)
        return by_size * squares.sum() / (target**2).sum()
    return squares.sum() / 2 if wanted.normalisation == "paper" else squares.mean()


def style_distance(found: Tensor, styles: Sequence[Tensor], wanted: Wanted) -> Tensor:
    """Σ_s of E_l of eq. 4 over the styles, each by its share."""
    count = len(styles)
    blend = [weight / sum(wanted.blend) for weight in wanted.blend]
    areas = [mask.mean().item() for mask in wanted.masks]
    style_masks: Sequence[Tensor | None] = wanted.style_masks or [None] * count
    targets = [statistics(each, mask) for each, mask in zip(styles, style_masks, strict=True)]
    shares = list(blend)
    if wanted.masks:
        crowd = max(1, sum(areas))
        shares = [count * b * area / crowd for b, area in zip(blend, areas, strict=True)]
    if wanted.blends_statistics:
        targets, shares = [mixed(targets, blend, wanted)], [1.0]
    whole = found.new_zeros(())
    for s, (target, share) in enumerate(zip(targets, shares, strict=True)):
        mask = wanted.masks[s] if wanted.masks else None
        whole = whole + share * distance(statistics(found, mask), target, wanted)
    return whole


def mixed(targets: Sequence[Statistics], blend: Sequence[float], wanted: Wanted) -> Statistics:
    """The weighted mean of Gram matrices, or of means and covariances."""
    pairs = list(zip(blend, targets, strict=True))
    mean = torch.stack([b * each.mean for b, each in pairs]).sum(0)
    if wanted.statistic == "gram":
        gram = torch.stack([b * each.gram for b, each in pairs]).sum(0)
    else:
        covariance = torch.stack([b * each.covariance for b, each in pairs]).sum(0)
        gram = covariance + mean[:, None] * mean[None, :]
    return Statistics(gram, mean, targets[0].places)


def distance(found: Statistics, target: Statistics, wanted: Wanted) -> Tensor:
    """How far a layer's statistics are from their target, in each normalisation."""
    if wanted.statistic == "moments":
        size = ((target.mean + wanted.centre) ** 2).sum()
        means = ((found.mean - target.mean) ** 2).sum() / size
        spreads = ((found.covariance - target.covariance) ** 2).sum()
        # A plain style image has no covariance to be relative to.
        return means / 2 + spreads / max((target.covariance**2).sum(), (0.1 * size) ** 2) / 2
    channels = found.gram.shape[0]
    squares = ((found.gram - target.gram) ** 2).sum()
    if wanted.normalisation == "pastiche":
        return squares / (target.gram**2).sum()
    if wanted.normalisation == "paper":  # eq. 4, with both matrices as sums over as many positions
        return squares * found.places**2 / (4 * channels**2 * found.places**2)
    return squares / channels**4


def variation(down: Tensor, across: Tensor, wanted: Wanted) -> Tensor:
    """Of pixels in 0 to 1 as a mean; elsewhere of pixels in 0 to 255 as a sum, in neural-style of
    half the squares."""
    if wanted.normalisation == "pastiche":
        parts = [step.abs() if wanted.absolute else step**2 for step in (down, across)]
        return parts[0].mean() + parts[1].mean()
    if wanted.absolute:
        return (255 * down).abs().sum() + (255 * across).abs().sum()
    squares = ((255 * down) ** 2).sum() + ((255 * across) ** 2).sum()
    return squares / 2 if wanted.normalisation == "neural-style" else squares
