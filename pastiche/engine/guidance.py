"""Several styles in one picture: blended everywhere, or each in its own region.

Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling Perceptual Factors in Neural Style
Transfer" (CVPR 2017), section 4: a feature map times a guidance channel T gives a guided Gram
matrix, which describes only that region.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pastiche.engine.plain import Moments, mask_at
from pastiche.network_layers import size_at
from pastiche.options import LayerName, StyleStatistic


def build_guides(mask: Tensor, layers: Sequence[LayerName]) -> dict[LayerName, Tensor]:
    """How much each position of the feature maps counts: T², with T the mask's mean there.

    Args:
        mask: (1, 1, H, W) in 0 to 1.

    Returns:
        {layer: (1, 1, h, w)}, float32.
    """
    sizes = {layer: size_at(layer, mask.shape[2], mask.shape[3]) for layer in layers}
    return {layer: mask_at(size, mask).square() for layer, size in sizes.items()}


def blend_shares(count: int, weights: Sequence[float]) -> list[float]:
    """The shares of several styles; they add up to 1."""
    whole = sum(weights)
    return [weight / whole for weight in weights] if weights else [1 / count] * count


def region_shares(masks: Sequence[Tensor], blend: Sequence[float]) -> list[float]:
    """The shares of several styles that have one region each.

    A share grows with its region, so that the gradient at a position is as large in a small region
    as in a large one. If all masks cover the whole image, the shares are the blend itself.

    Args:
        masks: (1, 1, H, W) in 0 to 1, one for each style.
        blend: from `blend_shares`.
    """
    areas = [mask.mean().item() for mask in masks]
    total = max(1.0, sum(areas))
    return [len(masks) * share * area / total for share, area in zip(blend, areas, strict=True)]


def pixel_shares(masks: Sequence[Tensor], blend: Sequence[float]) -> Tensor:
    """The share of each style at each pixel, (S, 1, H, W); they add up to no more than 1."""
    shares = masks[0].new_tensor(blend)[:, None, None, None]
    covered = torch.cat(list(masks)) * shares * len(masks)  # (S, 1, H, W)
    return covered / covered.sum(dim=0, keepdim=True).clamp_min(1.0)


def blend_moments(
    moments: Sequence[Moments], shares: Sequence[float], statistic: StyleStatistic
) -> Moments:
    """The weighted mean of several styles' Gram matrices, or of their means and covariances."""
    mean = _weighted_sum([each.mean for each in moments], shares)
    if statistic == "gram":
        return Moments(mean, _weighted_sum([each.gram for each in moments], shares))
    covariance = _weighted_sum([each.covariance for each in moments], shares)
    return Moments(mean, covariance + torch.outer(mean, mean))


def _weighted_sum(tensors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    weighted = [share * each for share, each in zip(shares, tensors, strict=True)]
    return torch.stack(weighted).sum(dim=0)
