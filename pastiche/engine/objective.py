"""What is minimised: the weighted terms at one picture, and their gradient.

It is computed in three steps, so that a picture may be seen tile by tile: what adds up over
positions is summed; the terms and their gradients at these sums follow; and from them the gradient
at each position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.losses import (
    content_error,
    content_pull,
    gamut_excess,
    palette_excess,
    total_variation,
)
from pastiche.engine.statistics import (
    MomentsGradient,
    PositionSums,
    at_features,
    position_sums,
)
from pastiche.engine.targets import ContentTarget, Region, Targets
from pastiche.engine.tiles import WHOLE, Tile
from pastiche.options import LayerName, Variation

TermName = Literal["content", "style", "tv", "gamut"]
FeatureMaps = Mapping[LayerName, Tensor]


@dataclass(frozen=True, slots=True)
class Term:
    """One number of the objective: a layer's share of a term, or a term that has no layers."""

    name: TermName
    layer: LayerName | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term is multiplied with, all constants included."""

    content: float
    style: float
    tv: float
    gamut: float


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


StyleKey = tuple[int, LayerName]
"""A region by its number, and a layer."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What adds up over positions.

    Attributes:
        contents: by content target, Σ (F − P)².
        styles: by region and layer.
    """

    contents: Sequence[Tensor]
    styles: Mapping[StyleKey, PositionSums]

    def __add__(self, other: "Sums") -> "Sums":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        return Sums(contents, {key: sums + other.styles[key] for key, sums in self.styles.items()})


@dataclass(frozen=True, slots=True)
class LossGradients:
    """The content and style terms, and their gradients at the sums that they come from."""

    values: Mapping[Term, Tensor]
    at_contents: Sequence[Tensor]
    at_styles: Mapping[StyleKey, MomentsGradient]

    def divided(self, norms: "GradientNorms") -> "LossGradients":
        """The same terms, with each gradient divided by its norm."""
        return replace(
            self,
            at_contents=[
                gradient / (norm + LEAST_GRADIENT_NORM)
                for gradient, norm in zip(self.at_contents, norms.contents, strict=True)
            ],
            at_styles={
                key: gradient * (1.0 / (norms.styles[key] + LEAST_GRADIENT_NORM))
                for key, gradient in self.at_styles.items()
            },
        )


LEAST_GRADIENT_NORM = 1e-8
"""Added to the norm that a gradient is divided by, as in neural_style.lua."""


@dataclass(frozen=True, slots=True)
class GradientNorms:
    """Σ |∂L/∂F| over the positions of each term's gradient at the feature map F, by term."""

    contents: Sequence[Tensor]
    styles: Mapping[StyleKey, Tensor]

    def __add__(self, other: "GradientNorms") -> "GradientNorms":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        styles = {key: norm + other.styles[key] for key, norm in self.styles.items()}
        return GradientNorms(contents, styles)


@dataclass(frozen=True, slots=True)
class Objective:
    """α·content + β·style + γ·total variation + gamut (Gatys et al. 2016, eq. 7, and two more).

    Attributes:
        tv_norm, variation_is_summed: which total variation.
        normalises_gradients: whether the gradient of each term at its feature map is divided by
            its L1 norm before the term's weight is applied (neural_style.lua,
            `-normalize_gradients`). What is descended is then no gradient of the value.
    """

    backbone: Backbone
    targets: Targets
    weights: Weights
    tv_norm: Variation = "squared"
    variation_is_summed: bool = False
    normalises_gradients: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """What `Evaluation.terms` are."""
        contents = [Term("content", target.layer) for target in self.targets.contents]
        styles = [
            Term("style", style.layer) for region in self.targets.regions for style in region.styles
        ]
        return (*dict.fromkeys([*contents, *styles]), Term("tv"), Term("gamut"))

    def weighted(self, weights: Weights) -> "Objective":
        """The same objective with other weights."""
        return replace(self, weights=weights)

    def sums(self, features: FeatureMaps, tile: Tile = WHOLE) -> Sums:
        """What the positions of a tile add to the sums, from its feature maps, (1, C, h, w)."""
        contents = [
            content_error(features[target.layer], *_content_at(target, tile))
            for target in self.targets.contents
        ]
        styles = {
            (index, layer): position_sums(features[layer], _guide_at(region, layer, tile))
            for index, region in enumerate(self.targets.regions)
            for layer in region.layers
        }
        return Sums(contents, styles)

    def gradients_at_sums(self, sums: Sums) -> LossGradients:
        """The content and style terms of the whole picture's sums."""
        values: dict[Term, Tensor] = {}
        at_contents = []
        for target, error in zip(self.targets.contents, sums.contents, strict=True):
            weight = self.weights.content * target.share
            values[Term("content", target.layer)] = weight * error * target.scale
            at_contents.append(weight * target.scale)
        at_styles = {}
        for (index, layer), of_layer in sums.styles.items():
            moments, gradients = of_layer.moments(), []
            for style in self.targets.regions[index].of_layer(layer):
                value, gradient = style.statistic.loss(moments)
                weight = self.weights.style * style.share
                term = Term("style", layer)
                values[term] = values.get(term, 0.0) + weight * value
                gradients.append(gradient * weight)
            at_styles[index, layer] = reduce(add, gradients) * (1.0 / of_layer.count)
        return LossGradients(values, at_contents, at_styles)

    def gradient_norms(
        self, features: FeatureMaps, gradients: LossGradients, tile: Tile = WHOLE
    ) -> GradientNorms:
        """What the positions of a tile add to the L1 norm of each term's gradient, its weight
        taken out of it."""
        contents = [
            _content_gradient(features, target, gradient, tile)
            .abs()
            .sum(dtype=_wide(self.backbone.dtype))
            / (self.weights.content * target.share or 1.0)
            for target, gradient in zip(self.targets.contents, gradients.at_contents, strict=True)
        ]
        styles = {}
        for (index, layer), gradient in gradients.at_styles.items():
            region = self.targets.regions[index]
            found = at_features(features[layer], gradient, _guide_at(region, layer, tile))
            weight = self.weights.style * sum(style.share for style in region.of_layer(layer))
            styles[index, layer] = found.abs().sum(dtype=_wide(self.backbone.dtype)) / (
                weight or 1.0
            )
        return GradientNorms(contents, styles)

    def gradients_at_features(
        self, features: FeatureMaps, gradients: LossGradients, tile: Tile = WHOLE
    ) -> dict[LayerName, Tensor]:
        """The gradients of the content and style terms at the feature maps of a tile."""
        found: dict[LayerName, Tensor] = {}
        for (index, layer), gradient in gradients.at_styles.items():
            guide = _guide_at(self.targets.regions[index], layer, tile)
            _accumulate(found, layer, at_features(features[layer], gradient, guide))
        for target, at_content in zip(self.targets.contents, gradients.at_contents, strict=True):
            _accumulate(found, target.layer, _content_gradient(features, target, at_content, tile))
        return found

    def completed(self, image: Tensor, gradient: Tensor, gradients: LossGradients) -> Evaluation:
        """The evaluation, with the terms that the pixels alone have.

        Args:
            image: (1, 3, H, W).
            gradient: like the image, that of the content and style terms.
        """
        smooth, smooth_gradient = total_variation(
            image, self.tv_norm, summed=self.variation_is_summed
        )
        excess, excess_gradient = self._outside(image)
        gradient = gradient.add(smooth_gradient, alpha=self.weights.tv)
        gradient.add_(excess_gradient, alpha=self.weights.gamut)
        values = {
            **gradients.values,
            Term("tv"): self.weights.tv * smooth,
            Term("gamut"): self.weights.gamut * excess,
        }
        terms = torch.stack([values[term] for term in self.terms])
        return Evaluation(terms.sum(), gradient, terms)

    def _outside(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What colours cost that no screen shows, or that are not in the palette."""
        value, gradient = gamut_excess(image)
        if self.targets.palette is None:
            return value, gradient
        more, pull = palette_excess(image, self.targets.palette)
        return value + more, gradient + pull


def _content_at(target: ContentTarget, tile: Tile) -> tuple[Tensor, Tensor | None]:
    """What the positions of a tile are compared with, and how much they count."""
    weight_map = target.weight_map
    if weight_map is not None:
        weight_map = tile.of_whole(weight_map, target.layer)
    return tile.of_whole(target.features, target.layer), weight_map


def _guide_at(region: Region, layer: LayerName, tile: Tile) -> Tensor | None:
    guide = region.guides[layer]
    return None if guide is None else tile.of_whole(guide, layer)


def _content_gradient(
    features: FeatureMaps, target: ContentTarget, gradient: Tensor, tile: Tile
) -> Tensor:
    here, weight_map = _content_at(target, tile)
    return content_pull(features[target.layer], here, gradient, weight_map)


def _accumulate(found: dict[LayerName, Tensor], layer: LayerName, gradient: Tensor) -> None:
    found[layer] = found[layer] + gradient if layer in found else gradient


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
