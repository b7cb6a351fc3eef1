"""What is minimised: the weighted terms at one picture, and their gradient."""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.losses import (
    content_loss,
    gamut_excess,
    gram_matrix,
    gram_pull,
    palette_excess,
    rooted,
    style_loss,
    total_variation,
)
from pastiche.engine.targets import Targets
from pastiche.options import LayerName, Variation

TermName = Literal["content", "style", "tv", "gamut"]


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


@dataclass
class _Sum:
    """Values by term, and gradients by the feature map where they pull."""

    values: dict[Term, Tensor] = field(default_factory=dict)
    pulls: dict[LayerName, Tensor] = field(default_factory=dict)

    def add(self, term: Term, value: Tensor) -> None:
        self.values[term] = self.values[term] + value if term in self.values else value

    def pull(self, layer: LayerName, gradient: Tensor) -> None:
        self.pulls[layer] = self.pulls[layer] + gradient if layer in self.pulls else gradient


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

    def __call__(self, image: Tensor) -> Evaluation:
        """The objective at an image, (1, 3, H, W), and its gradient there."""
        # On CUDA the algorithms that add in a fixed order, so that the same job gives the same
        # bytes; nothing elsewhere.
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True):
            gradient, values = self._through_backbone(image)
        smooth, smooth_gradient = total_variation(
            image, self.tv_norm, summed=self.variation_is_summed
        )
        excess, excess_gradient = self._outside(image)
        gradient = gradient.add(smooth_gradient, alpha=self.weights.tv)
        gradient.add_(excess_gradient, alpha=self.weights.gamut)
        values[Term("tv")] = self.weights.tv * smooth
        values[Term("gamut")] = self.weights.gamut * excess
        terms = torch.stack([values[term] for term in self.terms])
        return Evaluation(terms.sum(), gradient, terms)

    def _outside(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What colours cost that no screen shows, or that are not in the palette."""
        value, gradient = gamut_excess(image)
        if self.targets.palette is None:
            return value, gradient
        more, pull = palette_excess(image, self.targets.palette)
        return value + more, gradient + pull

    def _through_backbone(self, image: Tensor) -> tuple[Tensor, dict[Term, Tensor]]:
        """The gradient of the content and style terms at the pixels, and these terms.

        The gradients at the feature maps are known in closed form; only the convolutions are left
        to automatic differentiation.
        """
        pixels = image.detach().requires_grad_(True)
        features = self.backbone.features(pixels, self.targets.layers)
        found = _Sum()
        with torch.no_grad():
            self._add_contents(features, found)
            self._add_styles(features, found)
        (gradient,) = torch.autograd.grad(
            [features[layer] for layer in found.pulls], pixels, list(found.pulls.values())
        )
        return gradient, found.values

    def _add_contents(self, features: dict[LayerName, Tensor], found: _Sum) -> None:
        for target in self.targets.contents:
            value, pull = content_loss(
                features[target.layer], target.features, target.scale, target.weight_map
            )
            if self.roots:
                value, pull = rooted(value, pull)
            weight = self.weights.content * target.share
            found.add(Term("content", target.layer), weight * value)
            found.pull(target.layer, weight * pull)

    def _add_styles(self, features: dict[LayerName, Tensor], found: _Sum) -> None:
        for region in self.targets.regions:
            for layer, guide in region.guides.items():
                centred = features[layer] - self.backbone.centre
                gram = gram_matrix(centred, guide)
                pull_at_gram = torch.zeros_like(gram)
                for style in (each for each in region.styles if each.layer == layer):
                    value, pull = style_loss(gram, style.gram, style.scale)
                    if self.roots:
                        value, pull = rooted(value, pull)
                    weight = self.weights.style * style.share
                    found.add(Term("style", layer), weight * value)
                    pull_at_gram += weight * pull
                found.pull(layer, gram_pull(centred, pull_at_gram, guide))
