"""What is minimised: the weighted terms at one picture, and their gradient.

It is reckoned in three steps, so that a picture may be looked at tile by tile: what adds up over
positions is summed; the terms and their gradients at these sums follow; and each position is told
how these pull at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.losses import (
    content_error,
    content_pull,
    gamut_excess,
    gram_pull,
    gram_sum,
    palette_excess,
    positions,
    rooted,
    style_loss,
    total_variation,
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


@dataclass(frozen=True, slots=True)
class Sums:
    """What adds up over positions.

    Attributes:
        contents: by content target, Σ (F − P)².
        grams: by region and layer, the sum of products, (C, C), and over how many positions.
    """

    contents: Sequence[Tensor]
    grams: Mapping[tuple[int, LayerName], tuple[Tensor, Tensor | int]]

    def __add__(self, other: "Sums") -> "Sums":
        contents = [one + more for one, more in zip(self.contents, other.contents, strict=True)]
        grams = {}
        for key, (products, count) in self.grams.items():
            more_products, more_count = other.grams[key]
            grams[key] = (products + more_products, count + more_count)
        return Sums(contents, grams)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The content and style terms, and their gradients at the sums that they come from."""

    values: Mapping[Term, Tensor]
    at_contents: Sequence[Tensor]
    at_grams: Mapping[tuple[int, LayerName], Tensor]


@dataclass(frozen=True, slots=True)
class Objective:
    """α·content + β·style + γ·total variation + gamut (Gatys et al. 2016, eq. 7, and two more).

    Attributes:
        tv_norm, variation_is_summed: which total variation.
        roots: whether twice the root of each content and style term stands for it.
    """

    backbone: Backbone
    targets: Targets
    weights: Weights
    tv_norm: Variation = "squared"
    variation_is_summed: bool = False
    roots: bool = False

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
        grams = {}
        for index, region in enumerate(self.targets.regions):
            for layer in region.layers:
                guide = _guide_at(region, layer, tile)
                count = positions(features[layer], guide)
                grams[index, layer] = (gram_sum(features[layer], guide), count)
        return Sums(contents, grams)

    def judged(self, sums: Sums) -> Verdict:
        """The content and style terms of the whole picture's sums."""
        values: dict[Term, Tensor] = {}
        at_contents = []
        for target, error in zip(self.targets.contents, sums.contents, strict=True):
            value, pull = self._formed(error * target.scale, target.scale)
            weight = self.weights.content * target.share
            values[Term("content", target.layer)] = weight * value
            at_contents.append(weight * pull)
        at_grams = {}
        for (index, layer), (products, count) in sums.grams.items():
            gram, pull_at_gram = products / count, torch.zeros_like(products)
            for style in self.targets.regions[index].of_layer(layer):
                value, pull = self._formed(*style_loss(gram, style.gram, style.scale))
                weight = self.weights.style * style.share
                term = Term("style", layer)
                values[term] = values.get(term, 0.0) + weight * value
                pull_at_gram += weight * pull
            at_grams[index, layer] = pull_at_gram / count
        return Verdict(values, at_contents, at_grams)

    def pulls(
        self, features: FeatureMaps, verdict: Verdict, tile: Tile = WHOLE
    ) -> dict[LayerName, Tensor]:
        """How the terms pull at the positions of a tile: their gradients at its feature maps."""
        found: dict[LayerName, Tensor] = {}
        for (index, layer), pull in verdict.at_grams.items():
            guide = _guide_at(self.targets.regions[index], layer, tile)
            _pull(found, layer, gram_pull(features[layer], pull, guide))
        for target, pull in zip(self.targets.contents, verdict.at_contents, strict=True):
            features_here, (map_here, weights_here) = (
                features[target.layer],
                _content_at(target, tile),
            )
            _pull(found, target.layer, content_pull(features_here, map_here, pull, weights_here))
        return found

    def completed(self, image: Tensor, gradient: Tensor, verdict: Verdict) -> Evaluation:
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
            **verdict.values,
            Term("tv"): self.weights.tv * smooth,
            Term("gamut"): self.weights.gamut * excess,
        }
        terms = torch.stack([values[term] for term in self.terms])
        return Evaluation(terms.sum(), gradient, terms)

    def _formed(self, value: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
        return rooted(value, pull) if self.roots else (value, pull)

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


def _pull(found: dict[LayerName, Tensor], layer: LayerName, gradient: Tensor) -> None:
    found[layer] = found[layer] + gradient if layer in found else gradient
