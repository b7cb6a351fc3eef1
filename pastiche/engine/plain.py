"""The objective of neural style transfer on one screen, with every gradient left to autograd.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016). The
comments refer to equations in that paper. Guidance channels are from Gatys et al., "Controlling
Perceptual Factors in Neural Style Transfer" (CVPR 2017). The rest of this package computes the same
numbers faster and in less memory. Tests and benchmarks compare it with this module, which works in
any precision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.options import LayerName, StyleStatistic, Variation

if TYPE_CHECKING:
    from pastiche.engine.backbone import Backbone
    from pastiche.engine.colour import Palette

FeatureMaps = dict[LayerName, Tensor]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A layer: a convolution, then ReLU at `threshold`.

    `threshold` and `padding_value` are 0 unless all features are shifted by a constant.

    Attributes:
        padding_value: what zero padding pads with.
    """

    weight: Tensor  # (C_out, C_in, 3, 3)
    bias: Tensor  # (C_out)
    padding_value: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean μ and the Gram matrix G of a feature map over its positions."""

    mean: Tensor  # (C)
    gram: Tensor  # (C, C)

    @property
    def covariance(self) -> Tensor:
        """(C, C), Σ = G − μμᵀ."""
        return self.gram - torch.outer(self.mean, self.mean)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is minimised: α·content + β·style + γ·total variation (eq. 7), and a gamut term.

    Content and style are relative to the size of their targets if `is_relative`. Otherwise they are
    the sums of eq. 1 and 4 without their constants, which the weights then include.
    """

    network: "Backbone"
    content: FeatureMaps  # P, of the content image
    styles: Sequence[Mapping[LayerName, Moments]]  # of the style images
    content_weights: Mapping[LayerName, float]  # α·w
    style_weights: Mapping[LayerName, float]  # β·w
    tv_weight: float  # γ
    gamut_weight: float
    is_relative: bool = True
    statistic: StyleStatistic = "moments"
    shares: Sequence[float] = (1.0,)  # of the styles
    masks: Sequence[Tensor | None] = (None,)  # (1, 1, H, W), where each style is painted
    content_map: Tensor | None = None  # (1, 1, H, W), how much each pixel of the content counts
    tv_norm: Variation = "squared"
    sums_tv: bool = False
    palette: "Palette | None" = None


def features(image: Tensor, network: "Backbone") -> FeatureMaps:
    """Every feature map of an image, (1, 3, H, W): {layer: (1, C, H/s, W/s)}."""
    pool = F.avg_pool2d if network.pooling == "average" else F.max_pool2d
    x, maps = image - image.new_tensor(network.mean).view(1, 3, 1, 1), FeatureMaps()
    for layer, convolution in network.convolutions.items():
        if layer.endswith("_1") and maps:
            x = pool(x, [min(2, side) for side in x.shape[2:]])
        mode: tuple[str, float | None] = (network.padding, None)
        if network.padding == "zeros":
            mode = ("constant", convolution.padding_value)
        elif min(x.shape[2:]) == 1:  # nothing to mirror
            mode = ("replicate", None)
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), *mode), convolution.weight, convolution.bias)
        maps[layer] = x = F.threshold(x, convolution.threshold, convolution.threshold)
    return maps


def mask_at(size: tuple[int, int], mask: Tensor) -> Tensor:
    """The means of a mask, (1, 1, H, W), over the pixels of each position of a feature map of this
    size. Where a side is odd, pooling drops the last row or column. Here the last position counts
    it, too: otherwise a mask that covers only that row or column would be empty."""
    for axis, positions in zip((2, 3), size, strict=True):
        pixels = mask.shape[axis]
        stride = 1 << ((pixels // positions).bit_length() - 1)
        last = stride * (positions - 1)
        blocks = torch.unflatten(mask.narrow(axis, 0, last), axis, (positions - 1, stride))
        rest = mask.narrow(axis, last, pixels - last)
        mask = torch.cat([blocks.mean(axis + 1), rest.mean(axis, keepdim=True)], dim=axis)
    return mask


def moments(maps: Tensor, mask: Tensor | None = None) -> Moments:
    """μ = 1/M Σ f and G = 1/M Σ f fᵀ over M positions (eq. 3). With a mask, a position counts T²,
    where T is the mean of the mask there (Gatys et al. 2017, eq. 4)."""
    size = (maps.shape[2], maps.shape[3])
    channel = maps.new_ones(size) if mask is None else mask_at(size, mask)[0, 0]
    rows, count = (maps[0] * channel).flatten(1), channel.square().sum()  # (C, M)
    return Moments((rows * channel.flatten()).sum(dim=1) / count, rows @ rows.T / count)


def content_loss(maps: Tensor, target: Tensor, problem: Problem) -> Tensor:
    """Σ (F − P)² (eq. 1, without its half), relative to Σ P²."""
    squares = (maps - target).square()
    if problem.content_map is not None:
        size = (target.shape[2], target.shape[3])
        squares = squares * mask_at(size, problem.content_map)
    energy = (target + problem.network.centre).square().sum()
    return squares.sum() / energy if problem.is_relative else squares.sum()


def style_loss(measured: Moments, target: Moments, problem: Problem) -> Tensor:
    """‖G − A‖² (eq. 4, without its factor), relative to ‖A‖². With `moments`, the mean of such
    errors of mean and covariance."""
    if problem.statistic == "gram":
        squares = (measured.gram - target.gram).square().sum()
        return squares / target.gram.square().sum() if problem.is_relative else squares
    squared_mean = (target.mean + problem.network.centre).square().sum()
    smallest = (0.1 * squared_mean).square()  # a plain painting has no covariance
    squared_covariance = torch.maximum(target.covariance.square().sum(), smallest)
    means = (measured.mean - target.mean).square().sum() / squared_mean
    covariances = (measured.covariance - target.covariance).square().sum() / squared_covariance
    return 0.5 * (means + covariances)


def pixel_loss(image: Tensor, problem: Problem) -> Tensor:
    """γ·total variation, and the gamut term, for colours that no screen shows or that are not in
    the palette."""
    variation, outside = image.new_zeros(()), (image - image.clamp(0, 1)).square().mean()
    for step in (image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]):
        values = step.abs() if problem.tv_norm == "absolute" else step.square()
        variation = variation + (values.sum() if problem.sums_tv else values.mean())
    if problem.palette is not None:
        along = problem.palette.axes @ image[0].flatten(1)  # (3, H·W)
        inside = along.clamp(problem.palette.low, problem.palette.high)
        outside = outside + (along - inside).square().mean()
    return problem.tv_weight * variation + problem.gamut_weight * outside


def network_losses(maps: FeatureMaps, problem: Problem) -> dict[tuple[str, LayerName], Tensor]:
    """α·content and β·style of a picture's feature maps, by layer."""
    losses = {}
    for layer, weight in problem.content_weights.items():
        content = content_loss(maps[layer], problem.content[layer], problem)
        losses["content", layer] = weight * content
    for layer, weight in problem.style_weights.items():
        losses["style", layer] = maps[layer].new_zeros(())
        for share, mask, style in zip(problem.shares, problem.masks, problem.styles, strict=True):
            loss = style_loss(moments(maps[layer], mask), style[layer], problem)
            losses["style", layer] = losses["style", layer] + weight * share * loss
    return losses


def objective(image: Tensor, problem: Problem) -> Tensor:
    """The objective at an image, a scalar."""
    losses = network_losses(features(image, problem.network), problem)
    return sum(losses.values(), pixel_loss(image, problem))
