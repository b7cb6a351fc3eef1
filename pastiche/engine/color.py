"""Colours as a distribution: an image's palette, and one image in another's."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.engine.images import fitted, resize_picture

LEAST_VARIANCE = 1e-5
"""Added to every variance of the colours, in squares of 0 to 1: plain images have none."""

RARE = 0.005
"""The share of an image's pixels whose colours may lie beyond either end of its palette."""

LOOKED_AT = 256
"""The longest side, in pixels, at which a palette is measured."""


@dataclass(frozen=True, slots=True)
class Palette:
    """A box of colours, along the principal axes of the style image's colours.

    Attributes:
        axes: (3, 3), each row an axis of length 1.
        low, high: (3, 1), between which the colours lie on each axis.
    """

    axes: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, style: Tensor, content: Tensor) -> "Palette":
        """The box that holds all but the rarest colours of both, (1, 3, H, W) in 0 to 1 each."""
        _, covariance = _statistics(style)
        axes = torch.linalg.eigh(covariance).eigenvectors.T.to(style)
        ends = torch.stack([_ends(style, axes), _ends(content, axes)])  # (2, 2, 3)
        low, high = ends[:, 0].amin(dim=0), ends[:, 1].amax(dim=0)
        return cls(axes, low[:, None], high[:, None])


def _ends(image: Tensor, axes: Tensor) -> Tensor:
    """Where the colours of an image end on each axis, below and above: (2, 3)."""
    height, width = image.shape[-2:]
    small = resize_picture(image, fitted(height, width, min(LOOKED_AT, max(height, width))))
    share = torch.tensor([RARE, 1 - RARE]).to(small)
    return torch.quantile(axes @ small[0].flatten(1), share, dim=1)


def recoloured(image: Tensor, palette: Tensor, share: float = 1.0) -> Tensor:
    """The image in the palette's colours: its colours get the palette's mean and covariance.

    By the linear map that moves colours least, so that blue stays the bluest and light the
    lightest: T = Σ^−½ (Σ^½ Σ′ Σ^½)^½ Σ^−½ (optimal transport between Gaussians; Pitié, Kokaram,
    "The Linear Monge-Kantorovitch Linear Colour Mapping", 2007).

    Args:
        image: (1, 3, H, W) in 0 to 1.
        palette: (1, 3, H', W') in 0 to 1.
        share: how far to go, from 0, the image itself, to 1.

    Returns:
        (1, 3, H, W) in 0 to 1.
    """
    if share == 0:
        return image
    mean, covariance = _statistics(image)
    wanted_mean, wanted_covariance = _statistics(palette)
    root, inverse_root = _power(covariance, 0.5), _power(covariance, -0.5)
    transport = inverse_root @ _power(root @ wanted_covariance @ root, 0.5) @ inverse_root
    colours = image[0].flatten(1)  # (3, H·W)
    # The map is found on the processor in float64: three by three, and the same bytes everywhere.
    matrix, old, new = (each.to(colours) for each in (transport, mean, wanted_mean))
    moved = (matrix @ (colours - old) + new).view_as(image).clamp(0, 1)
    return torch.lerp(image, moved, share)


def _statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mean colour, (3, 1), and the covariance of the colours, (3, 3), in float64."""
    colours = image[0].flatten(1).cpu().double()
    mean = colours.mean(dim=1, keepdim=True)
    around = colours - mean
    covariance = around @ around.T / colours.shape[1]
    return mean, covariance + LEAST_VARIANCE * torch.eye(3, dtype=torch.float64)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp_min(LEAST_VARIANCE**2).pow(exponent)
    power: Tensor = (vectors * powers) @ vectors.T
    return power
