"""The objective: the weighted loss terms of one picture, and their gradient.

`evaluation` computes both in phases, so that a picture may be computed tile by tile. `measure` sums
over positions, `losses` computes the terms and their gradients at these sums, `feature_gradients`
computes the gradient at each position, and `add_pixel_terms` completes the result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from operator import add
from typing import Generic, TypeVar

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.fast.tiling import Tile
from pastiche.engine.losses import (
    MomentsGradient,
    PositionSums,
    Term,
    content_gradient,
    content_loss,
    feature_gradient,
    gamut_loss,
    palette_loss,
    position_sums,
    total_variation,
)
from pastiche.engine.normalisation import SCALINGS, TermWeights, Weights, term_weights
from pastiche.engine.targets import Targets
from pastiche.options import LayerName, Options, Variation

FeatureMaps = Mapping[LayerName, Tensor]
Sums = TypeVar("Sums", PositionSums, Tensor)

EPSILON = 1e-8  # added to the norm that a gradient is divided by, as in neural_style.lua


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The objective at one picture.

    Attributes:
        value: a scalar, the sum of the weighted terms.
        gradient: (1, 3, H, W).
        terms: (T), the weighted terms in the order of `Objective.terms`.
    """

    value: Tensor
    gradient: Tensor
    terms: Tensor


@dataclass(frozen=True, slots=True)
class TermSums(Generic[Sums]):
    """Sums over positions for each content target and each style target. Sums of tiles add up."""

    contents: Sequence[Tensor]
    styles: Sequence[Sums]

    def __add__(self, other: "TermSums[Sums]") -> "TermSums[Sums]":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        styles = [one + more for one, more in zip(self.styles, other.styles, strict=True)]
        return TermSums(contents, styles)


@dataclass(frozen=True, slots=True)
class Losses:
    """The content and style terms, and their gradients at the position sums."""

    values: Mapping[Term, Tensor]
    content_gradients: Sequence[Tensor]
    style_gradients: Sequence[MomentsGradient]

    def normalise(self, norms: TermSums[Tensor]) -> "Losses":
        """The same terms, with each gradient divided by its norm.

        Args:
            norms: from `Objective.gradient_norms`.
        """
        contents = zip(self.content_gradients, norms.contents, strict=True)
        styles = zip(self.style_gradients, norms.styles, strict=True)
        return Losses(
            self.values,
            [gradient / (norm + EPSILON) for gradient, norm in contents],
            [gradient * (1.0 / (norm + EPSILON)) for gradient, norm in styles],
        )


@dataclass(frozen=True, slots=True)
class Objective:
    """α·content + β·style + γ·total variation + gamut. The first two are Gatys et al. 2016, eq. 7.

    Attributes:
        tv_norm, sums_variation: the kind of total variation.
        normalises_gradients: whether the gradient of each term at its feature map is divided by
            its L1 norm before the term's weight is applied (neural_style.lua,
            `-normalize_gradients`). Then the descent does not follow the gradient of the value.
    """

    backbone: Backbone
    targets: Targets
    weights: TermWeights
    tv_norm: Variation
    sums_variation: bool
    normalises_gradients: bool

    @classmethod
    def build(
        cls,
        backbone: Backbone,
        targets: Targets,
        options: Options,
        weights: Weights | None = None,
    ) -> "Objective":
        """The objective for these options.

        Args:
            weights: the factors of the terms. None for the weights in the options.
        """
        scalars = TermWeights(
            weights or term_weights(options, backbone.units, targets.blank_losses()),
            [target.share for target in targets.contents],
            [target.shares for target in targets.styles],
            targets.contents[0].features.device,
            torch.promote_types(backbone.dtype, torch.float32),
        )
        return cls(
            backbone,
            targets,
            scalars,
            options.tv_norm,
            SCALINGS[options.normalisation].sums_variation,
            options.gradient_normalisation,
        )

    def update_weights(self, options: Options) -> None:
        """Sets the weights of these options, in the same memory."""
        blank_losses = self.targets.blank_losses()
        self.weights.update(term_weights(options, self.backbone.units, blank_losses))

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms in `Evaluation.terms`, in order."""
        contents = [Term("content", target.layer) for target in self.targets.contents]
        styles = [Term("style", target.layer) for target in self.targets.styles]
        return (*dict.fromkeys([*contents, *styles]), Term("tv"), Term("gamut"))

    def crop(self, tile: Tile) -> "Objective":
        """The objective for the feature maps of a tile."""
        return replace(self, targets=self.targets.crop(tile))

    @torch.no_grad()
    def measure(self, features: FeatureMaps) -> TermSums[PositionSums]:
        """The sums that the terms are computed from: Σ (F − P)² for each content target, and the
        position sums for each style target.

        Args:
            features: (1, C, h, w) each.
        """
        contents = [
            content_loss(features[target.layer], target.features, target.weight_map)
            for target in self.targets.contents
        ]
        styles = [
            position_sums(features[target.layer], target.guide) for target in self.targets.styles
        ]
        return TermSums(contents, styles)

    def losses(self, sums: TermSums[PositionSums]) -> Losses:
        """The content and style terms, from the sums over the whole picture."""
        values: dict[Term, Tensor] = {}
        content_gradients, style_gradients = [], []
        contents = zip(self.targets.contents, self.weights.contents, sums.contents, strict=True)
        for target, weight, squares in contents:
            values[Term("content", target.layer)] = weight * squares * target.scale
            content_gradients.append(weight * target.scale)
        styles = zip(self.targets.styles, self.weights.styles, sums.styles, strict=True)
        for style, weights, position_sum in styles:
            term, moments, gradients = Term("style", style.layer), position_sum.moments(), []
            for statistic, weight in zip(style.statistics, weights, strict=True):
                value, gradient = statistic.loss(moments)
                values[term] = values.get(term, 0.0) + weight * value
                gradients.append(gradient * weight)
            style_gradients.append(reduce(add, gradients) * (1.0 / position_sum.count))
        return Losses(values, content_gradients, style_gradients)

    @torch.no_grad()
    def gradient_norms(self, features: FeatureMaps, losses: Losses) -> TermSums[Tensor]:
        """Σ |∂L/∂F| for the loss L of each target, without its weight, at its feature map F."""
        contents = zip(
            self._content_gradients(features, losses), self.weights.contents, strict=True
        )
        styles = zip(self._style_gradients(features, losses), self.weights.layers, strict=True)
        return TermSums(
            [_norm(gradient, weight) for (_, gradient), weight in contents],
            [_norm(gradient, weight) for (_, gradient), weight in styles],
        )

    @torch.no_grad()
    def feature_gradients(self, features: FeatureMaps, losses: Losses) -> dict[LayerName, Tensor]:
        """The gradients of the content and style terms at the feature maps."""
        sums: dict[LayerName, Tensor] = {}
        styles = self._style_gradients(features, losses)
        for layer, gradient in chain(styles, self._content_gradients(features, losses)):
            sums[layer] = sums[layer] + gradient if layer in sums else gradient
        return sums

    def add_pixel_terms(self, image: Tensor, gradient: Tensor, losses: Losses) -> Evaluation:
        """The evaluation, completed with the terms that depend only on the pixels.

        Args:
            image: (1, 3, H, W).
            gradient: (1, 3, H, W), the gradient of the content and style terms.
        """
        smooth, smooth_gradient = total_variation(image, self.tv_norm, summed=self.sums_variation)
        excess, excess_gradient = gamut_loss(image)
        if self.targets.palette is not None:
            more, more_gradient = palette_loss(image, self.targets.palette)
            excess, excess_gradient = excess + more, excess_gradient + more_gradient
        gradient = torch.addcmul(gradient, smooth_gradient, self.weights.tv)
        gradient.addcmul_(excess_gradient, self.weights.gamut)
        values = {
            **losses.values,
            Term("tv"): self.weights.tv * smooth,
            Term("gamut"): self.weights.gamut * excess,
        }
        terms = torch.stack([values[term] for term in self.terms])
        return Evaluation(terms.sum(), gradient, terms)

    def _content_gradients(
        self, features: FeatureMaps, losses: Losses
    ) -> Iterator[tuple[LayerName, Tensor]]:
        for target, scale in zip(self.targets.contents, losses.content_gradients, strict=True):
            at_layer = features[target.layer]
            gradient = content_gradient(at_layer, target.features, scale, target.weight_map)
            yield target.layer, gradient

    def _style_gradients(
        self, features: FeatureMaps, losses: Losses
    ) -> Iterator[tuple[LayerName, Tensor]]:
        for target, gradient in zip(self.targets.styles, losses.style_gradients, strict=True):
            yield target.layer, feature_gradient(features[target.layer], gradient, target.guide)


def _norm(gradient: Tensor, weight: Tensor) -> Tensor:
    """The L1 norm of a gradient, (1, C, h, w), divided by its term's weight unless that is 0."""
    wide = torch.promote_types(gradient.dtype, torch.float32)
    return gradient.abs().sum(dtype=wide) / torch.where(weight == 0, 1.0, weight)
