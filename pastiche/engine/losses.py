"""The losses, as values and gradients in closed form. `plain` has their formulas in simplest form.

Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016). The
comments refer to equations in that paper. A style is compared by one of two statistics. `gram` is
the Gram matrix of eq. 3. The mean of most features is far from 0, so this matrix is mostly the
product of these means, which is colour. `moments` compares the mean and the covariance separately,
each relative to its own size, so that strokes count as much as colours. Both come from two sums
over positions, Σ f fᵀ and Σ f, which add up over tiles. `pastiche.engine.normalisation` has the
factors of the terms.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pastiche.engine.colour import Palette
from pastiche.engine.plain import Moments
from pastiche.options import LayerName, Variation

TermName = Literal["content", "style", "tv", "gamut"]

MIN_COVARIANCE = 0.1
"""The least size of a target's covariance, as a share of its squared mean. The covariance of a
plain style image is 0, and relative to that every other covariance would be far away. With vgg16,
the share is 0.22 or more in paintings, at every layer."""

MIN_NORM = 1e-6
"""The least squared size of a target's statistic."""

MAX_CHUNKS = 8
"""The maximum number of parts of a sum over positions, each of which is rounded to bfloat16."""


@dataclass(frozen=True, slots=True)
class Term:
    """One number of the objective: one layer of a term, or a term without layers."""

    name: TermName
    layer: LayerName | None = None


@dataclass(frozen=True, slots=True)
class PositionSums:
    """Sums over some positions of a feature map f.

    Attributes:
        products: (C, C), Σ w f fᵀ, float32 or wider.
        features: (C), Σ w f.
        count: Σ w, with w = 1 if there is no guide.
    """

    products: Tensor
    features: Tensor
    count: Tensor | int

    def __add__(self, other: "PositionSums") -> "PositionSums":
        return PositionSums(
            self.products + other.products,
            self.features + other.features,
            self.count + other.count,
        )

    def moments(self) -> Moments:
        """The means over the positions."""
        return Moments(self.features / self.count, self.products / self.count)


@dataclass(frozen=True, slots=True)
class MomentsGradient:
    """A gradient with respect to `Moments`, or to the `PositionSums` that they come from.

    Attributes:
        mean: (C). None for 0.
        gram: (C, C), symmetric.
    """

    mean: Tensor | None
    gram: Tensor

    def __add__(self, other: "MomentsGradient") -> "MomentsGradient":
        means = [each.mean for each in (self, other) if each.mean is not None]
        mean = torch.stack(means).sum(dim=0) if means else None
        return MomentsGradient(mean, self.gram + other.gram)

    def __mul__(self, factor: Tensor | float) -> "MomentsGradient":
        mean = None if self.mean is None else self.mean * factor
        return MomentsGradient(mean, self.gram * factor)


@dataclass(frozen=True, slots=True)
class GramTarget:
    """scale·‖G − Ĝ‖², a layer's term of eq. 4.

    Attributes:
        gram: (C, C), Ĝ of the style image.
        scale: a scalar.
    """

    gram: Tensor
    scale: Tensor

    def loss(self, moments: Moments) -> tuple[Tensor, MomentsGradient]:
        """The value, a scalar, and its gradient."""
        difference = moments.gram - self.gram
        value = difference.square().sum() * self.scale
        return value, MomentsGradient(None, (2.0 * self.scale) * difference)

    def blank_loss(self) -> Tensor:
        """The value where every feature is 0."""
        return self.gram.square().sum() * self.scale


@dataclass(frozen=True, slots=True)
class MomentsTarget:
    """½·‖μ − μ̂‖²/‖μ̂‖² + ½·‖Σ − Σ̂‖²/‖Σ̂‖².

    Attributes:
        mean: (C), μ̂ of the style image.
        covariance: (C, C), Σ̂.
        mean_scale, covariance_scale: scalars, 1/‖μ̂‖² and 1/‖Σ̂‖².
    """

    mean: Tensor
    covariance: Tensor
    mean_scale: Tensor
    covariance_scale: Tensor

    @classmethod
    def from_moments(cls, target: Moments, centre: float = 0.0) -> "MomentsTarget":
        """The comparison with these moments, each relative to its own size.

        Args:
            centre: what was subtracted from every feature (`Backbone.centre`). The size of the mean
                is computed from the features before that.
        """
        squared_mean = (target.mean + centre).square().sum().clamp_min(MIN_NORM)
        smallest = (MIN_COVARIANCE * squared_mean).square()
        squared_covariance = torch.maximum(target.covariance.square().sum(), smallest)
        return cls(target.mean, target.covariance, 1.0 / squared_mean, 1.0 / squared_covariance)

    def loss(self, moments: Moments) -> tuple[Tensor, MomentsGradient]:
        """The value, a scalar, and its gradient."""
        mean_error = moments.mean - self.mean
        covariance_error = moments.covariance - self.covariance
        value = 0.5 * (
            mean_error.square().sum() * self.mean_scale
            + covariance_error.square().sum() * self.covariance_scale
        )
        covariance_gradient = self.covariance_scale * covariance_error  # P = ∂L/∂Σ
        mean_gradient = self.mean_scale * mean_error - 2.0 * covariance_gradient @ moments.mean
        return value, MomentsGradient(mean_gradient, covariance_gradient)

    def blank_loss(self) -> Tensor:
        """The value where every feature is 0."""
        mean_loss = self.mean.square().sum() * self.mean_scale
        return 0.5 * (mean_loss + self.covariance.square().sum() * self.covariance_scale)


StyleStatisticTarget = GramTarget | MomentsTarget


def position_sums(features: Tensor, guide: Tensor | None = None) -> PositionSums:
    """The sums over the positions of a feature map.

    Args:
        features: (1, C, H, W).
        guide: (1, 1, H, W), how much each position counts, float32: the square of a guidance
            channel (Gatys et al. 2017, eq. 4). None if all count 1.
    """
    rows = _rows(features)  # (H·W, C)
    weighted = rows if guide is None else rows * _rows(guide).to(rows.dtype)
    count = features.shape[2] * features.shape[3] if guide is None else guide.sum()
    return PositionSums(_products(weighted, rows), _sum_rows(weighted), count)


def feature_gradient(
    features: Tensor, gradient: MomentsGradient, guide: Tensor | None = None
) -> Tensor:
    """The gradient at the features, (1, C, H, W), from the gradient at their sums (eq. 6)."""
    rows = _rows(features)
    doubled = (2.0 * gradient.gram).to(rows.dtype)
    if gradient.mean is None:
        at_rows = rows @ doubled  # (H·W, C)
    else:
        at_rows = torch.addmm(gradient.mean.to(rows.dtype), rows, doubled)
    if guide is not None:
        at_rows = at_rows * _rows(guide).to(rows.dtype)
    shape = (1, features.shape[2], features.shape[3], features.shape[1])
    return at_rows.reshape(shape).permute(0, 3, 1, 2)


def content_loss(features: Tensor, target: Tensor, weight_map: Tensor | None = None) -> Tensor:
    """Σ (F − P)² (eq. 1, without its half).

    Args:
        features, target: (1, C, H, W), the features of the pastiche and of the content image.
        weight_map: (1, 1, H, W), how much each position counts. None if all count 1.
    """
    squares = (to_float32(features) - target).square()
    return squares.sum() if weight_map is None else (squares * weight_map).sum()


def content_gradient(
    features: Tensor, target: Tensor, scale: Tensor, weight_map: Tensor | None = None
) -> Tensor:
    """The gradient at the features of `scale`, a scalar, times `content_loss` (eq. 2)."""
    difference = (2.0 * scale) * (to_float32(features) - target)
    weighted = difference if weight_map is None else difference * weight_map
    return weighted.to(features.dtype)


def total_variation(
    image: Tensor, norm: Variation = "squared", *, summed: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean, or the sum, of neighbours' differences, squared or absolute, and its gradient.

    It is the sum over both directions. A side of 1 has no neighbours and adds nothing.

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
        step_gradient = share * (2.0 * step if norm == "squared" else step.sign())
        gradient.narrow(axis, 1, pairs).add_(step_gradient)
        gradient.narrow(axis, 0, pairs).sub_(step_gradient)
    return value, gradient


def gamut_loss(image: Tensor) -> tuple[Tensor, Tensor]:
    """The mean squared distance of the values from 0 to 1, and its gradient.

    It is not in the paper. Without it the optimiser uses colours that no screen shows, and clipping
    them at the end undoes its work.
    """
    excess = image - image.clamp(0.0, 1.0)
    return excess.square().mean(), excess * (2.0 / excess.numel())


def palette_loss(image: Tensor, palette: Palette) -> tuple[Tensor, Tensor]:
    """The mean squared distance of the colours from the box of the palette, and its gradient."""
    coordinates = palette.axes @ image[0].flatten(1)  # (3, H·W)
    excess = coordinates - coordinates.clamp(palette.low, palette.high)
    gradient = palette.axes.T @ excess * (2.0 / excess.numel())
    return excess.square().mean(), gradient.view_as(image)


def to_float32(features: Tensor) -> Tensor:
    """The features in float32, or in float64 if they have it."""
    return features if features.dtype == torch.float64 else features.float()


def _products(rows: Tensor, others: Tensor) -> Tensor:
    """rowsᵀ @ others, (C, C): products in the features' precision, summed in float32."""
    if rows.dtype != torch.bfloat16:
        return rows.T @ others
    if rows.is_cuda:
        return torch.mm(rows.T, others, out_dtype=torch.float32)
    (chunks, rest), (other_chunks, other_rest) = _split_rows(rows), _split_rows(others)
    total = torch.bmm(chunks.mT, other_chunks).float().sum(dim=0)
    return total + rest.T @ other_rest if len(rest) else total


def _sum_rows(rows: Tensor) -> Tensor:
    """The sum over the rows, (C), in float32 or wider."""
    if rows.dtype != torch.bfloat16 or rows.is_cuda:
        return rows.sum(dim=0, dtype=torch.promote_types(rows.dtype, torch.float32))
    # With a wider dtype torch's CPU kernel would first copy all rows to it.
    chunks, rest = _split_rows(rows)
    return chunks.sum(dim=1).float().sum(dim=0) + rest.sum(dim=0)


def _split_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(M, C) → (n, ⌊M/n⌋, C), and the rows that are left over. Each part has at least C rows.

    A CPU sums in float32 and rounds the sum to bfloat16. Rounding n partial sums loses less
    precision.
    """
    count, channels = rows.shape
    parts = max(1, min(MAX_CHUNKS, count // channels))
    whole = count - count % parts
    return rows[:whole].view(parts, -1, channels), rows[whole:]


def _rows(features: Tensor) -> Tensor:
    """(1, C, H, W) → (H·W, C), without a copy if the features are channels_last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
