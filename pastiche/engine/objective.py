"""What is minimised: the weighted loss terms at one picture, and their gradient.

`evaluation` computes both in phases, so that a picture may be computed tile by tile: `measure` sums
what adds up over positions; `losses` has the terms and their gradients at these sums;
`feature_gradients` the gradient at each position; and `add_pixel_terms` completes it.
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
        terms: (T), each with its weight in it, in the order of `Objective.terms`.
    """

    value: Tensor
    gradient: Tensor
    terms: Tensor


@dataclass(frozen=True, slots=True)
class TermSums(Generic[Sums]):
    """Sums over positions, by content target and by style target; those of tiles add up."""

    contents: Sequence[Tensor]
    styles: Sequence[Sums]

    def __add__(self, other: "TermSums[Sums]") -> "TermSums[Sums]":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        styles = [one + more for one, more in zip(self.styles, other.styles, strict=True)]
        return TermSums(contents, styles)


@dataclass(frozen=True, slots=True)
class Losses:
    """The content and style terms, and their gradients at the sums that they come from."""

    values: Mapping[Term, Tensor]
    content_gradients: Sequence[Tensor]
    style_gradients: Sequence[MomentsGradient]

    def normalise(self, norms: TermSums[Tensor]) -> "Losses":
        """The same terms, with each gradient divided by its norm, from `gradient_norms`."""
        contents = zip(self.content_gradients, norms.contents, strict=True)
        styles = zip(self.style_gradients, norms.styles, strict=True)
        return Losses(
            self.values,
            [gradient / (norm + EPSILON) for gradient, norm in contents],
            [gradient * (1.0 / (norm + EPSILON)) for gradient, norm in styles],
        )


@dataclass(frozen=True, slots=True)
class Objective:
    """α·content + β·style + γ·total variation + gamut (Gatys et al. 2016, eq. 7, and two more).

    Attributes:
        tv_norm, sums_variation: which total variation.
        normalises_gradients: whether the gradient of each term at its feature map is divided by
            its L1 norm before the term's weight is applied (neural_style.lua,
            `-normalize_gradients`). The direction of descent is then not the value's gradient.
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
        """The objective as in the options.

        Args:
            weights: what the terms are multiplied by; None for the weights of the options.
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
        """From here on with the weights of these options, in the same memory."""
        blank_losses = self.targets.blank_losses()
        self.weights.update(term_weights(options, self.backbone.units, blank_losses))

    @property
    def terms(self) -> tuple[Term, ...]:
        """What `Evaluation.terms` are."""
        contents = [Term("content", target.layer) for target in self.targets.contents]
        styles = [Term("style", target.layer) for target in self.targets.styles]
        return (*dict.fromkeys([*contents, *styles]), Term("tv"), Term("gamut"))

    def crop(self, tile: Tile) -> "Objective":
        """The objective for the feature maps of a tile."""
        return replace(self, targets=self.targets.crop(tile))

    @torch.no_grad()
    def measure(self, features: FeatureMaps) -> TermSums[PositionSums]:
        """What the terms are computed from: Σ (F − P)² of each content target, and the sums of
        each style target, over all positions of the feature maps, (1, C, h, w)."""
        contents = [
            content_loss(features[target.layer], target.features, target.weight_map)
            for target in self.targets.contents
        ]
        styles = [
            position_sums(features[target.layer], target.guide) for target in self.targets.styles
        ]
        return TermSums(contents, styles)

    def losses(self, sums: TermSums[PositionSums]) -> Losses:
        """The content and style terms of the whole picture's sums."""
        values: dict[Term, Tensor] = {}
        content_gradients, style_gradients = [], []
        contents = zip(self.targets.contents, self.weights.contents, sums.contents, strict=True)
        for target, weight, squares in contents:
            values[Term("content", target.layer)] = weight * squares * target.scale
            content_gradients.append(weight * target.scale)
        styles = zip(self.targets.styles, self.weights.styles, sums.styles, strict=True)
        for style, weights, counted in styles:
            term, moments, gradients = Term("style", style.layer), counted.moments(), []
            for statistic, weight in zip(style.statistics, weights, strict=True):
                value, gradient = statistic.loss(moments)
                values[term] = values.get(term, 0.0) + weight * value
                gradients.append(gradient * weight)
            style_gradients.append(reduce(add, gradients) * (1.0 / counted.count))
        return Losses(values, content_gradients, style_gradients)

    @torch.no_grad()
    def gradient_norms(self, features: FeatureMaps, losses: Losses) -> TermSums[Tensor]:
        """Σ |∂L/∂F| of each target's loss at its feature map F, without the term's weight."""
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
        found: dict[LayerName, Tensor] = {}
        styles = self._style_gradients(features, losses)
        for layer, gradient in chain(styles, self._content_gradients(features, losses)):
            found[layer] = found[layer] + gradient if layer in found else gradient
        return found

    def add_pixel_terms(self, image: Tensor, gradient: Tensor, losses: Losses) -> Evaluation:
        """The evaluation, with the terms that the pixels alone have.

        Args:
            image: (1, 3, H, W).
            gradient: like the image, that of the content and style terms.
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
            found = features[target.layer]
            gradient = content_gradient(found, target.features, scale, target.weight_map)
            yield target.layer, gradient

    def _style_gradients(
        self, features: FeatureMaps, losses: Losses
    ) -> Iterator[tuple[LayerName, Tensor]]:
        for target, gradient in zip(self.targets.styles, losses.style_gradients, strict=True):
            found = feature_gradient(features[target.layer], gradient, target.guide)
            yield target.layer, found


def _norm(gradient: Tensor, weight: Tensor) -> Tensor:
    """The L1 norm of a gradient, (1, C, h, w), divided by its term's weight where that is not 0."""
    wide = torch.promote_types(gradient.dtype, torch.float32)
    return gradient.abs().sum(dtype=wide) / torch.where(weight == 0, 1.0, weight)
