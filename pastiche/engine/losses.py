"""The terms of the objective, each as its value and its gradient in closed form.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016); the
equations named below are that paper's. Every term is normalised by its target, so that its weight
means the same at every image size, layer and backbone.
"""

import torch
from torch import Tensor

from pastiche.engine.color import Palette

_CHUNKS = 8

LEAST_TARGET = 1e-6
"""What a term is divided by where its target is nothing: that of a plain picture can be."""


def gram_matrix(features: Tensor) -> Tensor:
    """The mean over all positions of the product of every pair of channels (eq. 3, over M).

    Args:
        features: (1, C, H, W).

    Returns:
        (C, C), float32 or wider: products in the features' precision, summed in float32.
    """
    rows = _positions(features)  # (H·W, C)
    if rows.dtype != torch.bfloat16:
        return rows.T @ rows / rows.shape[0]
    parts = [part.T @ part for part in rows.tensor_split(_CHUNKS) if part.shape[0]]
    return torch.stack(parts).float().sum(dim=0) / rows.shape[0]


def style_loss(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """‖G − A‖² / ‖A‖², one layer's term of eq. 4, and its gradient (eq. 6) at the features.

    Args:
        features: (1, C, H, W), the pastiche's.
        target: (C, C), the style image's Gram matrix A.

    Returns:
        The value, a scalar, and the gradient, like `features`.
    """
    difference = gram_matrix(features) - target  # (C, C)
    scale = 1.0 / target.square().sum().clamp_min(LEAST_TARGET)
    rows = _positions(features)
    factor = (4.0 * scale / rows.shape[0]) * difference
    gradient = (rows @ factor.to(rows.dtype)).reshape(
        1, features.shape[2], features.shape[3], features.shape[1]
    )
    return difference.square().sum() * scale, gradient.permute(0, 3, 1, 2)


def content_loss(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (F − P)² / mean P² (eq. 1, normalised) and its gradient (eq. 2) at the features.

    Args:
        features, target: (1, C, H, W), the pastiche's and the content image's.

    Returns:
        The value, a scalar, and the gradient, like `features`.
    """
    difference = _wide(features) - target
    scale = 1.0 / target.square().sum().clamp_min(LEAST_TARGET)
    gradient = (2.0 * scale * difference).to(features.dtype)
    return difference.square().sum() * scale, gradient


def total_variation(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mean squared difference of neighbours, down and across, and its gradient.

    Args:
        image: (1, 3, H, W); a side of 1 has no neighbours and adds nothing.
    """
    value, gradient = image.new_zeros(()), torch.zeros_like(image)
    for axis in (-2, -1):
        pairs = image.shape[axis] - 1
        if pairs < 1:
            continue
        step = image.narrow(axis, 1, pairs) - image.narrow(axis, 0, pairs)
        value = value + step.square().mean()
        pull = step * (2.0 / step.numel())
        gradient.narrow(axis, 1, pairs).add_(pull)
        gradient.narrow(axis, 0, pairs).sub_(pull)
    return value, gradient


def gamut_excess(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mean squared distance of the values from 0 to 1, and its gradient.

    Not in the paper: without it the optimiser uses colours that no screen shows, and clipping
    them at the end undoes its work.
    """
    excess = image - image.clamp(0.0, 1.0)
    return excess.square().mean(), excess * (2.0 / excess.numel())


def palette_excess(image: Tensor, palette: Palette) -> tuple[Tensor, Tensor]:
    """The mean squared distance of the colours from the palette's box, and its gradient."""
    places = palette.axes @ image[0].flatten(1)  # (3, H·W)
    excess = places - places.clamp(palette.low, palette.high)
    gradient = palette.axes.T @ excess * (2.0 / excess.numel())
    return excess.square().mean(), gradient.view_as(image)


def _positions(features: Tensor) -> Tensor:
    """(1, C, H, W) → (H·W, C), without a copy where the features are channels_last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _wide(features: Tensor) -> Tensor:
    """In float32 where it was narrower."""
    return features if features.dtype == torch.float64 else features.float()
