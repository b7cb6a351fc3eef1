"""The content loss and the terms of the pixels alone, as values and gradients in closed form.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016); the
equations named below are that paper's. The style loss is in `pastiche.engine.statistics`, what each
term is multiplied with in `pastiche.engine.normalisation`.
"""

import torch
from torch import Tensor

from pastiche.engine.color import Palette
from pastiche.options import Variation


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
