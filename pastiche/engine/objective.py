"""What is minimised: the targets of two images, the weights, and the gradient of a third."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.engine.backbone import CONTENT_LAYER, STYLE_LAYERS, Backbone
from pastiche.engine.color import Palette
from pastiche.engine.losses import (
    content_loss,
    gamut_excess,
    gram_matrix,
    palette_excess,
    style_loss,
    total_variation,
)

TERMS = ("content", "style", "tv", "gamut")
"""The terms of the objective, in the order of `Evaluation.terms`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term is multiplied with, all constants included."""

    content: float
    style: float
    tv: float
    gamut: float


@dataclass(frozen=True, slots=True)
class Targets:
    """What the pastiche is compared with at one scale.

    Attributes:
        content: (1, C, H, W), the content image's feature map, in float32.
        style: {layer: (C, C)}, the style image's Gram matrices.
        palette: the colours that may be used, None where all may be. A network that is fitted to
            two images is blind for colours that neither has: nothing else would keep them out.
    """

    content: Tensor
    style: dict[str, Tensor]
    palette: Palette | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, content: Tensor, style: Tensor, backbone: Backbone) -> "Targets":
        """The targets of a content image and a style image, (1, 3, H, W) in 0 to 1 each."""
        deep = backbone.features(content)[CONTENT_LAYER]
        painted = backbone.features(style)
        return cls(
            deep.float(),
            {layer: gram_matrix(painted[layer] - backbone.centre) for layer in STYLE_LAYERS},
            None if backbone.knows_colour else Palette.of(style, content),
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The objective at one picture.

    Attributes:
        value: a scalar, the sum of the weighted terms.
        gradient: (1, 3, H, W).
        terms: (4), each term with its weight in it, in the order of `TERMS`.
    """

    value: Tensor
    gradient: Tensor
    terms: Tensor


@dataclass(frozen=True, slots=True)
class Objective:
    """α·content + β·style + γ·total variation + gamut (Gatys et al. 2016, eq. 7, and two more)."""

    backbone: Backbone
    targets: Targets
    weights: Weights

    def __call__(self, image: Tensor) -> Evaluation:
        """The objective at an image, (1, 3, H, W), and its gradient there."""
        # On CUDA the algorithms that add in a fixed order, so that the same job gives the same
        # bytes; nothing elsewhere.
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True):
            through, through_terms = self._through_backbone(image)
        smooth, smooth_gradient = total_variation(image)
        excess, excess_gradient = self._outside(image)
        gradient = through.add(smooth_gradient, alpha=self.weights.tv)
        gradient.add_(excess_gradient, alpha=self.weights.gamut)
        terms = torch.stack((*through_terms, self.weights.tv * smooth, self.weights.gamut * excess))
        return Evaluation(terms.sum(), gradient, terms)

    def _outside(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What colours cost that no screen shows, or that are not in the palette."""
        value, gradient = gamut_excess(image)
        if self.targets.palette is None:
            return value, gradient
        more, pull = palette_excess(image, self.targets.palette)
        return value + more, gradient + pull

    def _through_backbone(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The gradient of the content and style terms at the pixels, and the two terms.

        The gradients at the feature maps are known in closed form; only the convolutions are left
        to automatic differentiation.
        """
        pixels = image.detach().requires_grad_(True)
        features = self.backbone.features(pixels)
        with torch.no_grad():
            content, pull = content_loss(features[CONTENT_LAYER], self.targets.content)
            pulls = {CONTENT_LAYER: pull * self.weights.content}
            style = content.new_zeros(())
            for layer in STYLE_LAYERS:
                centred = features[layer] - self.backbone.centre
                value, pull = style_loss(centred, self.targets.style[layer])
                share = self.weights.style * self.backbone.shares[layer]
                style = style + share * value
                pulls[layer] = pull * share
        (gradient,) = torch.autograd.grad(
            [features[layer] for layer in pulls], pixels, list(pulls.values())
        )
        return gradient, (self.weights.content * content, style)
