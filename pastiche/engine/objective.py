"""What is minimised: the weighted loss terms at one picture, and their gradient.

It is computed in phases, so that a picture may be computed tile by tile: `measure` sums what adds
up over positions; `losses` has the terms and their gradients at these sums; `feature_gradients` the
gradient at each position; and `add_pixel_terms` completes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Literal

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.fast.tiling import Tile
from pastiche.engine.losses import (
    MomentsGradient,
    PositionSums,
    content_gradient,
    content_loss,
    feature_gradient,
    gamut_loss,
    palette_loss,
    position_sums,
    total_variation,
)
from pastiche.engine.normalisation import Weights
from pastiche.engine.targets import Targets
from pastiche.options import LayerName, Variation

TermName = Literal["content", "style", "tv", "gamut"]
FeatureMaps = Mapping[LayerName, Tensor]
StyleKey = tuple[int, LayerName]  # a region by its number, and a layer

EPSILON = 1e-8  # added to the norm that a gradient is divided by, as in neural_style.lua


@dataclass(frozen=True, slots=True)
class Term:
    """One number of the objective: a layer's share of a term, or a term that has no layers."""

    name: TermName
    layer: LayerName | None = None


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
class FeatureSums:
    """What adds up over positions.

    Attributes:
        contents: by content target, Σ (F − P)².
        styles: by region and layer.
    """

    contents: Sequence[Tensor]
    styles: Mapping[StyleKey, PositionSums]

    def __add__(self, other: "FeatureSums") -> "FeatureSums":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        styles = {key: sums + other.styles[key] for key, sums in self.styles.items()}
        return FeatureSums(contents, styles)


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
class Losses:
    """The content and style terms, and their gradients at the sums that they come from."""

    values: Mapping[Term, Tensor]
    content_gradients: Sequence[Tensor]
    style_gradients: Mapping[StyleKey, MomentsGradient]

    def normalise(self, norms: GradientNorms) -> "Losses":
        """The same terms, with each gradient divided by its norm."""
        contents = zip(self.content_gradients, norms.contents, strict=True)
        return replace(
            self,
            content_gradients=[gradient / (norm + EPSILON) for gradient, norm in contents],
            style_gradients={
                key: gradient * (1.0 / (norms.styles[key] + EPSILON))
                for key, gradient in self.style_gradients.items()
            },
        )


class TermWeights:
    """What each target's loss is multiplied by, as scalars on the device of the targets.

    New weights fill the same memory: neither the targets nor a recorded CUDA graph change.

    Attributes:
        contents: by content target.
        styles: by region and layer, of each style.
        layers: by region and layer, the sum over the styles.
        tv, gamut: of the pixels' own terms.
    """

    def __init__(
        self, targets: Targets, weights: Weights, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._targets = targets
        numbers = self._numbers(weights)
        self._values = torch.tensor(numbers, device=device, dtype=dtype)  # (number of weights)
        scalars = iter(self._values.unbind())
        self.contents = [next(scalars) for _ in targets.contents]
        self.styles = {key: [next(scalars) for _ in shares] for key, shares in self._shares()}
        self.layers = {key: next(scalars) for key, _ in self._shares()}
        self.tv, self.gamut = scalars

    def update(self, weights: Weights) -> None:
        """From here on with these weights."""
        self._values.copy_(torch.tensor(self._numbers(weights), dtype=self._values.dtype))

    def _shares(self) -> list[tuple[StyleKey, list[float]]]:
        """The shares of the styles, by region and layer."""
        return [
            ((index, layer), [style.share for style in region.styles_at(layer)])
            for index, region in enumerate(self._targets.regions)
            for layer in region.layers
        ]

    def _numbers(self, weights: Weights) -> list[float]:
        return [
            *(weights.content * target.share for target in self._targets.contents),
            *(weights.style * share for _, shares in self._shares() for share in shares),
            *(weights.style * sum(shares) for _, shares in self._shares()),
            weights.tv,
            weights.gamut,
        ]


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
    tv_norm: Variation = "squared"
    sums_variation: bool = False
    normalises_gradients: bool = False

    @classmethod
    def build(
        cls, backbone: Backbone, targets: Targets, weights: Weights, **settings: Any
    ) -> "Objective":
        """The objective with these weights, and the other fields as `settings`."""
        dtype = torch.promote_types(backbone.dtype, torch.float32)
        device = targets.contents[0].features.device
        return cls(backbone, targets, TermWeights(targets, weights, device, dtype), **settings)

    @property
    def terms(self) -> tuple[Term, ...]:
        """What `Evaluation.terms` are."""
        contents = [Term("content", target.layer) for target in self.targets.contents]
        styles = [
            Term("style", style.layer) for region in self.targets.regions for style in region.styles
        ]
        return (*dict.fromkeys([*contents, *styles]), Term("tv"), Term("gamut"))

    def crop(self, tile: Tile) -> "Objective":
        """The objective for the feature maps of a tile."""
        return replace(self, targets=self.targets.crop(tile))

    def measure(self, features: FeatureMaps) -> FeatureSums:
        """The sums over all positions of the feature maps, (1, C, h, w)."""
        contents = [
            content_loss(features[target.layer], target.features, target.weight_map)
            for target in self.targets.contents
        ]
        styles = {
            (index, layer): position_sums(features[layer], region.guides[layer])
            for index, region in enumerate(self.targets.regions)
            for layer in region.layers
        }
        return FeatureSums(contents, styles)

    def losses(self, sums: FeatureSums) -> Losses:
        """The content and style terms of the whole picture's sums."""
        values: dict[Term, Tensor] = {}
        content_gradients = []
        contents = zip(self.targets.contents, self.weights.contents, sums.contents, strict=True)
        for target, weight, squares in contents:
            values[Term("content", target.layer)] = weight * squares * target.scale
            content_gradients.append(weight * target.scale)
        style_gradients = {}
        for (index, layer), layer_sums in sums.styles.items():
            moments, gradients = layer_sums.moments(), []
            styles = self.targets.regions[index].styles_at(layer)
            for style, weight in zip(styles, self.weights.styles[index, layer], strict=True):
                value, gradient = style.statistic.loss(moments)
                term = Term("style", layer)
                values[term] = values.get(term, 0.0) + weight * value
                gradients.append(gradient * weight)
            style_gradients[index, layer] = reduce(add, gradients) * (1.0 / layer_sums.count)
        return Losses(values, content_gradients, style_gradients)

    def gradient_norms(self, features: FeatureMaps, losses: Losses) -> GradientNorms:
        """The L1 norms of each term's gradient at the feature maps, without its weight."""
        gradients = self._content_gradients(features, losses)
        pairs = zip(gradients, self.weights.contents, strict=True)
        contents = [_norm(gradient, weight) for gradient, weight in pairs]
        styles = {
            key: _norm(gradient, self.weights.layers[key])
            for key, gradient in self._style_gradients(features, losses)
        }
        return GradientNorms(contents, styles)

    def feature_gradients(self, features: FeatureMaps, losses: Losses) -> dict[LayerName, Tensor]:
        """The gradients of the content and style terms at the feature maps."""
        found: dict[LayerName, Tensor] = {}
        for (_, layer), gradient in self._style_gradients(features, losses):
            found[layer] = found[layer] + gradient if layer in found else gradient
        contents = self._content_gradients(features, losses)
        for target, gradient in zip(self.targets.contents, contents, strict=True):
            layer = target.layer
            found[layer] = found[layer] + gradient if layer in found else gradient
        return found

    def add_pixel_terms(self, image: Tensor, gradient: Tensor, losses: Losses) -> Evaluation:
        """The evaluation, with the terms that the pixels alone have.

        Args:
            image: (1, 3, H, W).
            gradient: like the image, that of the content and style terms.
        """
        smooth, smooth_gradient = total_variation(image, self.tv_norm, summed=self.sums_variation)
        excess, excess_gradient = self._colour_loss(image)
        gradient = torch.addcmul(gradient, smooth_gradient, self.weights.tv)
        gradient.addcmul_(excess_gradient, self.weights.gamut)
        values = {
            **losses.values,
            Term("tv"): self.weights.tv * smooth,
            Term("gamut"): self.weights.gamut * excess,
        }
        terms = torch.stack([values[term] for term in self.terms])
        return Evaluation(terms.sum(), gradient, terms)

    def _content_gradients(self, features: FeatureMaps, losses: Losses) -> Iterator[Tensor]:
        for target, gradient in zip(self.targets.contents, losses.content_gradients, strict=True):
            found = features[target.layer]
            yield content_gradient(found, target.features, gradient, target.weight_map)

    def _style_gradients(
        self, features: FeatureMaps, losses: Losses
    ) -> Iterator[tuple[StyleKey, Tensor]]:
        for (index, layer), gradient in losses.style_gradients.items():
            guide = self.targets.regions[index].guides[layer]
            yield (index, layer), feature_gradient(features[layer], gradient, guide)

    def _colour_loss(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of colours that no screen shows, or that are not in the palette."""
        value, gradient = gamut_loss(image)
        if self.targets.palette is None:
            return value, gradient
        more, more_gradient = palette_loss(image, self.targets.palette)
        return value + more, gradient + more_gradient


def _norm(gradient: Tensor, weight: Tensor) -> Tensor:
    """The L1 norm of a gradient, (1, C, h, w), divided by its term's weight where that is not 0."""
    wide = torch.promote_types(gradient.dtype, torch.float32)
    return gradient.abs().sum(dtype=wide) / torch.where(weight == 0, 1.0, weight)
