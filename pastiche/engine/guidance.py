"""Guidance masks: this style here, that style there.

Gatys, Ecker, Bethge, Hertzmann, Shechtman, "Controlling Perceptual Factors in Neural Style
Transfer" (CVPR 2017), section 4: a feature map times a guidance channel T gives a guided Gram
matrix, of that region alone.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.tiles import size_at
from pastiche.options import LayerName


def guide_at(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """How much each position of a feature map counts: T², with T the mask's mean there.

    Args:
        mask: (1, 1, H, W) in 0 to 1.
        size: (h, w) of the feature map.

    Returns:
        (1, 1, h, w), float32.
    """
    return F.adaptive_avg_pool2d(mask, size).square()


def guides_at(mask: Tensor, layers: Sequence[LayerName]) -> dict[LayerName, Tensor]:
    """`guide_at` for each of these layers."""
    height, width = mask.shape[-2:]
    return {layer: guide_at(mask, size_at(layer, height, width)) for layer in layers}


def blend_shares(count: int, weights: Sequence[float]) -> list[float]:
    """What each of several styles weighs against the others; they add up to 1."""
    whole = sum(weights)
    return [weight / whole for weight in weights] if weights else [1 / count] * count


def region_shares(masks: Sequence[Tensor], blend: Sequence[float]) -> list[float]:
    """What each style weighs where each has a region.

    With the region, so that a place is pulled as hard in a small region as in a large one; masks
    that all cover everything give the blend itself.

    Args:
        masks: (1, 1, H, W) in 0 to 1, one for each style.
        blend: as `blend_shares` gives it.
    """
    areas = [mask.mean().item() for mask in masks]
    crowd = max(1.0, sum(areas))
    return [len(masks) * share * area / crowd for share, area in zip(blend, areas, strict=True)]


def place_shares(masks: Sequence[Tensor], blend: Sequence[float]) -> Tensor:
    """What each style has of each place, (S, 1, H, W); they add up to no more than 1 there."""
    shares = torch.tensor(blend).to(masks[0])[:, None, None, None]
    covered = torch.cat(list(masks)) * shares * len(masks)  # (S, 1, H, W)
    return covered / covered.sum(dim=0, keepdim=True).clamp_min(1.0)
