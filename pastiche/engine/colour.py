"""Colours as a distribution: an image's palette, and one image in another's colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.engine.images import resize_picture
from pastiche.sizes import fitted

MIN_VARIANCE = 1e-5
"""Added to every variance of the colours, in squares of 0 to 1. The variance of a plain image is
0."""

RARE = 0.005
"""The share of an image's pixels whose colours may lie beyond either end of its palette."""

SAMPLE_SIDE = 256
"""The longest side, in pixels, at which colours are measured."""


@dataclass(frozen=True, slots=True)
class Palette:
    """A box of colours whose sides are parallel to the principal axes of the styles' colours.

    Attributes:
        axes: (3, 3), each row an axis of length 1.
        low, high: (3, 1), the bounds of the colours on each axis.
    """

    axes: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def enclose(cls, styles: Sequence[Tensor], content: Tensor) -> "Palette":
        """The box of each image's colours, without the rarest.

        Args:
            styles, content: (3, N) each, from `sample_colours`.
        """
        axes = principal_axes(styles).to(content)
        share = content.new_tensor([RARE, 1 - RARE])
        ends = torch.stack(
            [torch.quantile(axes @ each, share, dim=1) for each in (*styles, content)]
        )  # (S + 1, 2, 3)
        low, high = ends[:, 0].amin(dim=0), ends[:, 1].amax(dim=0)
        return cls(axes, low[:, None], high[:, None])


def principal_axes(colours: Sequence[Tensor]) -> Tensor:
    """The directions along which colours, (3, N) each, are uncorrelated: (3, 3), float64 on the
    CPU, each row an axis of length 1."""
    _, covariance = _statistics(torch.cat(list(colours), dim=1))
    axes: Tensor = torch.linalg.eigh(covariance).eigenvectors.T
    return axes


def sample_colours(image: Tensor, mask: Tensor | None = None) -> Tensor:
    """The colours of an image at a small size: (3, N).

    Args:
        image: (1, 3, H, W).
        mask: (1, 1, H, W) in 0 to 1, which part of the image counts. None for all of it.
    """
    height, width = image.shape[-2:]
    size = fitted(height, width, min(SAMPLE_SIDE, max(height, width)))
    colours = resize_picture(image, size)[0].flatten(1)
    if mask is None:
        return colours
    weights = resize_picture(mask, size).flatten()  # (N)
    return colours[:, weights >= 0.5 * weights.max()]


def match_colours(image: Tensor, palette: Tensor, colours: Tensor | None = None) -> Tensor:
    """The image with the mean and covariance of the palette's colours.

    It uses the linear map that moves the colours least, so that the bluest colour stays the bluest
    and the lightest stays the lightest: T = Σ^−½ (Σ^½ Σ′ Σ^½)^½ Σ^−½ (optimal transport between
    Gaussians; Pitié, Kokaram, "The Linear Monge-Kantorovitch Linear Colour Mapping", 2007).

    Args:
        image: (1, 3, H, W) in 0 to 1.
        palette: (3, N) in 0 to 1, from `sample_colours`.
        colours: (3, N'), the colours of the image that count. None for all of them.

    Returns:
        (1, 3, H, W) in 0 to 1.
    """
    mean, covariance = _statistics(sample_colours(image) if colours is None else colours)
    target_mean, target_covariance = _statistics(palette)
    root, inverse_root = _power(covariance, 0.5), _power(covariance, -0.5)
    transport = inverse_root @ _power(root @ target_covariance @ root, 0.5) @ inverse_root
    # The 3×3 map is computed on the CPU in float64, so that it has the same bytes everywhere.
    matrix, old, new = (each.to(image) for each in (transport, mean, target_mean))
    return (matrix @ (image[0].flatten(1) - old) + new).view_as(image).clamp(0, 1)


def match_palettes(image: Tensor, palettes: Sequence[Tensor], shares: Tensor) -> Tensor:
    """The image in several palettes at once: each pixel is a blend of them.

    Args:
        image: (1, 3, H, W) in 0 to 1.
        palettes: (3, N) each.
        shares: (S, 1, 1 or H, 1 or W), the share of each palette at each pixel. Where they add up
            to less than 1, the image itself has the rest.
    """
    unmatched = image * (1 - shares.sum(dim=0, keepdim=True))
    matched = torch.zeros_like(image)
    for palette, share in zip(palettes, shares, strict=True):
        matched += match_colours(image, palette) * share
    return (unmatched + matched).clamp(0, 1)


def luminance(image: Tensor) -> Tensor:
    """An image without its colours, (1, 3, H, W): its Y (ITU-R BT.601)."""
    red_green_blue = image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (image * red_green_blue).sum(dim=1, keepdim=True).expand_as(image)


def match_luminance(style: Tensor, content: Tensor, mask: Tensor | None = None) -> Tensor:
    """The style's luminance, with the mean and deviation of the content's.

    Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017), eq. 10.
    Without it, a light painting would make a dark photograph lighter.

    Args:
        mask: (1, 1, H, W) in 0 to 1, which part of the style counts. None for all of it.
    """
    content_grey, style_grey = luminance(content), luminance(style)
    counted = style_grey if mask is None else style_grey[:, :1][mask >= 0.5 * mask.max()]
    deviation = counted.std(correction=0).clamp_min(MIN_VARIANCE**0.5)
    spread = content_grey.std(correction=0) / deviation
    return ((style_grey - counted.mean()) * spread + content_grey.mean()).clamp(0, 1)


def replace_luminance(content: Tensor, painted: Tensor) -> Tensor:
    """The content image's colours with the painted picture's luminance, both (1, 3, H, W)."""
    return content + (luminance(painted) - luminance(content))


def _statistics(colours: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, (3, 1), and the covariance, (3, 3), of colours, (3, N), in float64."""
    colours = colours.cpu().double()
    mean = colours.mean(dim=1, keepdim=True)
    centred = colours - mean
    covariance = centred @ centred.T / colours.shape[1]
    return mean, covariance + MIN_VARIANCE * torch.eye(3, dtype=torch.float64, device="cpu")


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp_min(MIN_VARIANCE**2).pow(exponent)
    power: Tensor = (vectors * powers) @ vectors.T
    return power
