"""Style statistics: what a layer's style is compared by, as values and gradients in closed form.

`gram` is the Gram matrix of Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural
Networks" (CVPR 2016), eq. 3. A network's features are far from 0 on the mean, so that a Gram matrix
is mostly the product of these means, which is colour. `moments` compares the mean and the
covariance apart, each relative to its own size, and strokes count as much as colours. Both come
from two sums over positions, Σ f fᵀ and Σ f, so that a picture may be seen tile by tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.options import StyleStatistic

_CHUNKS = 8

LEAST_COVARIANCE = 0.1
"""The least size of a covariance that another is compared to, as a share of the squared mean: a
plain style image has none, and nothing is close to it by comparison. Paintings have 0.22 and more,
with vgg16 at every layer."""

LEAST_NORM = 1e-6
"""The least squared size of any statistic that another is compared to."""


@dataclass(frozen=True, slots=True)
class PositionSums:
    """Sums over some positions of a feature map f.

    Attributes:
        products: (C, C), Σ w f fᵀ, float32 or wider.
        features: (C), Σ w f.
        count: Σ w, with w = 1 where no guide says how much a position counts.
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

    def moments(self) -> "Moments":
        """The means over the positions."""
        return Moments(self.features / self.count, self.products / self.count)


@dataclass(frozen=True, slots=True)
class Moments:
    """The first two moments of a feature map over its positions.

    Attributes:
        mean: (C), μ.
        gram: (C, C), the Gram matrix G, divided by the number of positions (eq. 3).
    """

    mean: Tensor
    gram: Tensor

    @property
    def covariance(self) -> Tensor:
        """(C, C), Σ = G − μμᵀ."""
        return self.gram - torch.outer(self.mean, self.mean)


@dataclass(frozen=True, slots=True)
class MomentsGradient:
    """A gradient at `Moments`, or at the `PositionSums` that they come from.

    Attributes:
        mean: (C); None where it is 0.
        gram: (C, C), symmetric.
    """

    mean: Tensor | None
    gram: Tensor

    def __add__(self, other: "MomentsGradient") -> "MomentsGradient":
        means = [each.mean for each in (self, other) if each.mean is not None]
        mean = torch.stack(means).sum(dim=0) if means else None
        return MomentsGradient(mean, self.gram + other.gram)

    def __mul__(self, factor: Tensor | float) -> "MomentsGradient":
        return MomentsGradient(
            None if self.mean is None else self.mean * factor, self.gram * factor
        )


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
        """The value, a scalar, and its gradient at the moments."""
        difference = moments.gram - self.gram
        value = difference.square().sum() * self.scale
        return value, MomentsGradient(None, (2.0 * self.scale) * difference)

    def loss_of_nothing(self) -> Tensor:
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

    def loss(self, moments: Moments) -> tuple[Tensor, MomentsGradient]:
        """The value, a scalar, and its gradient at the moments."""
        mean_error = moments.mean - self.mean
        covariance_error = moments.covariance - self.covariance
        value = 0.5 * (
            mean_error.square().sum() * self.mean_scale
            + covariance_error.square().sum() * self.covariance_scale
        )
        at_covariance = self.covariance_scale * covariance_error  # P = ∂L/∂Σ
        at_mean = self.mean_scale * mean_error - 2.0 * at_covariance @ moments.mean
        return value, MomentsGradient(at_mean, at_covariance)

    def loss_of_nothing(self) -> Tensor:
        """The value where every feature is 0."""
        of_mean = self.mean.square().sum() * self.mean_scale
        return 0.5 * (of_mean + self.covariance.square().sum() * self.covariance_scale)


StatisticTarget = GramTarget | MomentsTarget


def position_sums(features: Tensor, guide: Tensor | None = None) -> PositionSums:
    """What the positions of a feature map add up to.

    Args:
        features: (1, C, H, W).
        guide: (1, 1, H, W), how much each position counts, float32; all of them the same where it
            is None. The square of a guidance channel (Gatys et al. 2017, eq. 4).
    """
    rows = position_rows(features)  # (H·W, C)
    weighted = rows if guide is None else rows * position_rows(guide).to(rows.dtype)
    wide = torch.promote_types(rows.dtype, torch.float32)
    count = features.shape[2] * features.shape[3] if guide is None else guide.sum()
    return PositionSums(_products(weighted, rows), weighted.sum(dim=0, dtype=wide), count)


def _products(rows: Tensor, others: Tensor) -> Tensor:
    """rowsᵀ @ others, (C, C): products in the features' precision, summed in float32."""
    if rows.dtype != torch.bfloat16:
        return rows.T @ others
    if rows.is_cuda:
        return torch.mm(rows.T, others, out_dtype=torch.float32)
    pairs = zip(rows.tensor_split(_CHUNKS), others.tensor_split(_CHUNKS), strict=True)
    return torch.stack([one.T @ other for one, other in pairs]).float().sum(dim=0)


def at_features(features: Tensor, gradient: MomentsGradient, guide: Tensor | None = None) -> Tensor:
    """A gradient at `position_sums` as one at the feature map (eq. 6), (1, C, H, W)."""
    rows = position_rows(features)
    doubled = (2.0 * gradient.gram).to(rows.dtype)
    if gradient.mean is None:
        found = rows @ doubled
    else:
        found = torch.addmm(gradient.mean.to(rows.dtype), rows, doubled)
    if guide is not None:
        found = found * position_rows(guide).to(rows.dtype)
    shape = (1, features.shape[2], features.shape[3], features.shape[1])
    return found.reshape(shape).permute(0, 3, 1, 2)


def moments_target(target: Moments, centre: float = 0.0) -> MomentsTarget:
    """What compares with these moments, each relative to its own size.

    Args:
        centre: what was taken off every feature (`Backbone.centre`): the size of a mean is that of
            the features as they were.
    """
    squared_mean = (target.mean + centre).square().sum().clamp_min(LEAST_NORM)
    least = (LEAST_COVARIANCE * squared_mean).square()
    squared_covariance = torch.maximum(target.covariance.square().sum(), least)
    return MomentsTarget(
        target.mean, target.covariance, 1.0 / squared_mean, 1.0 / squared_covariance
    )


def blended(
    several: Sequence[Moments], shares: Sequence[float], statistic: StyleStatistic
) -> Moments:
    """The weighted mean of several styles' Gram matrices, or of their means and covariances."""
    mean = _weighted_sum([each.mean for each in several], shares)
    if statistic == "gram":
        return Moments(mean, _weighted_sum([each.gram for each in several], shares))
    covariance = _weighted_sum([each.covariance for each in several], shares)
    return Moments(mean, covariance + torch.outer(mean, mean))


def _weighted_sum(tensors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    weighted = [share * each for share, each in zip(shares, tensors, strict=True)]
    return torch.stack(weighted).sum(dim=0)


def position_rows(features: Tensor) -> Tensor:
    """(1, C, H, W) → (H·W, C), without a copy where the features are channels_last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
