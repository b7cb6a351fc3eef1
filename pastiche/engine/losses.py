"""The terms of the objective, each as its value and its gradient in closed form.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016); the
equations named below are that paper's. What each is multiplied with so that weights mean what they
should is the business of `pastiche.engine.normalisation`.
"""

import torch
from torch import Tensor

from pastiche.engine.color import Palette
from pastiche.options import Variation

_CHUNKS = 8


def gram_sum(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """The sum over all positions of the product of every pair of channels (eq. 3).

    Args:
        features: (1, C, H, W).
        guide: (1, 1, H, W), how much each position counts, float32; all of them the same where it
            is None. The square of a guidance channel (Gatys et al. 2017, eq. 4).

    Returns:
        (C, C), float32 or wider: products in the features' precision, summed in float32.
    """
    rows = _positions(features)  # (H·W, C)
    weighted = rows if guide is None else rows * _positions(guide).to(rows.dtype)
    if rows.dtype != torch.bfloat16:
        return weighted.T @ rows
    if rows.is_cuda:
        return torch.mm(weighted.T, rows, out_dtype=torch.float32)
    pairs = zip(weighted.tensor_split(_CHUNKS), rows.tensor_split(_CHUNKS), strict=True)
    return torch.stack([one.T @ other for one, other in pairs]).float().sum(dim=0)


def positions(features: Tensor, guide: Tensor | None = None) -> Tensor | int:
    """How many positions a Gram matrix is of: what the guide counts, else all of them."""
    return features.shape[2] * features.shape[3] if guide is None else guide.sum()


def gram_matrix(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """`gram_sum` over the number of positions: a mean, (C, C)."""
    return gram_sum(features, guide) / positions(features, guide)


def style_loss(gram: Tensor, target: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """scale·‖G − A‖², one layer's term of eq. 4, and its gradient at the Gram matrix.

    Args:
        gram, target: (C, C), the pastiche's and the style image's.
        scale: a scalar.

    Returns:
        The value, a scalar, and the gradient, (C, C).
    """
    difference = gram - target
    return difference.square().sum() * scale, (2.0 * scale) * difference


def gram_pull(features: Tensor, pull: Tensor, guide: Tensor | None = None) -> Tensor:
    """A gradient at `gram_sum`, (C, C) and symmetric, as one at the feature map (eq. 6)."""
    rows = _positions(features)
    gradient = rows @ (2.0 * pull).to(rows.dtype)
    if guide is not None:
        gradient = gradient * _positions(guide).to(rows.dtype)
    shape = (1, features.shape[2], features.shape[3], features.shape[1])
    return gradient.reshape(shape).permute(0, 3, 1, 2)


def content_error(features: Tensor, target: Tensor, weight_map: Tensor | None = None) -> Tensor:
    """Σ (F − P)² (eq. 1, without its half).

    Args:
        features, target: (1, C, H, W), the pastiche's and the content image's.
        weight_map: (1, 1, H, W), how much each place counts; all of them 1 where it is None.
    """
    squares = (wide(features) - target).square()
    return squares.sum() if weight_map is None else (squares * weight_map).sum()


def content_pull(
    features: Tensor, target: Tensor, pull: Tensor, weight_map: Tensor | None = None
) -> Tensor:
    """A gradient at `content_error`, a scalar, as one at the features (eq. 2)."""
    difference = (2.0 * pull) * (wide(features) - target)
    weighted = difference if weight_map is None else difference * weight_map
    return weighted.to(features.dtype)


def rooted(value: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    """Twice the root of a term, and its gradient, whose length does not fade with the term."""
    root = (value + LEAST_ROOT**2).sqrt()
    return 2.0 * (root - LEAST_ROOT), pull / root.to(pull.dtype)


LEAST_ROOT = 1e-4
"""Below about this root a term fades after all: at 0 a root has no gradient."""


def total_variation(
    image: Tensor, norm: Variation = "squared", *, summed: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean, or the sum, of neighbours' differences, squared or absolute, and its gradient.

    Down plus across; a side of 1 has no neighbours and adds nothing.

    Args:
        image: (1, 3, H, W).
    """
    value, gradient = image.new_zeros(()), torch.zeros_like(image)
    for axis in (-2, -1):
        pairs = image.shape[axis] - 1
        if pairs < 1:
            continue
        step = image.narrow(axis, 1, pairs) - image.narrow(axis, 0, pairs)
        share = 1.0 if summed else 1.0 / step.numel()
        added = step.square() if norm == "squared" else step.abs()
        value = value + share * added.sum()
        pull = share * (2.0 * step if norm == "squared" else step.sign())
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


def wide(features: Tensor) -> Tensor:
    """In float32 where it was narrower."""
    return features if features.dtype == torch.float64 else features.float()


def _positions(features: Tensor) -> Tensor:
    """(1, C, H, W) → (H·W, C), without a copy where the features are channels_last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
