"""How the terms of the objective are weighted: three normalisations, by name.

`pastiche` divides each term by the magnitude of its target, so that the same weights have the same
effect at every size and layer and with every backbone. The other two are for weights that come from
elsewhere: `paper` has the sums of Gatys, Ecker, Bethge (CVPR 2016), eq. 1 and 4; `neural-style` has
the means of the tool of that name, with total variation as a sum over pixels in 0 to 255.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.options import PLAIN_STARTS, Normalisation, Options, StyleStatistic, Variation

MIN_TARGET = 1e-6
"""The smallest number that a term is divided by. The target of a plain image can be 0."""

USUAL_SIDE, SIZE_EXPONENT = 256, 0.25
"""Beyond this size, the content's weight grows with this power of the picture's longest side in
pixels. The width of a stroke in pixels does not depend on the size. But a larger photograph is
smoother, its feature maps are weaker, and the same strokes disturb them more."""

COARSE_EXPONENT = 1.0
"""At a coarse scale the content's weight is multiplied by this power of the ratio between the
scale's size and the full size. The coarse scales lay out the large strokes and motifs, and the
finer scales bring the details of the content image back. A start that shows nothing of the content
image needs the whole weight."""


@dataclass(frozen=True, slots=True)
class Units:
    """The factors that weights of 1 stand for, such that the default look has α = β = 0.5, γ = 1.

    Attributes:
        variation: for each norm of the total variation.
    """

    content: float
    style: float
    variation: Mapping[Variation, float]


EIGHT_BITS = Units(1.0, 1.0, {"squared": 255.0**2, "absolute": 255.0})
"""Factors of 1, for total variation of pixels in 0 to 255."""

HALF_SQUARES = Units(1.0, 1.0, {"squared": 0.5 * 255.0**2, "absolute": 255.0})
"""The same, with half the squares. neural_style.lua only computes the gradient of its total
variation, which is the differences (`TVLoss:updateGradInput`), the gradient of ½ Σ d². It leaves
out the differences within the last row and the last column, and we include them. The absolute
differences are as in neural-style-pt."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """One way to scale the terms.

    Attributes:
        content: computes the factor of Σ (F − P)² from Σ P², the number of values in P, the longest
            side of the scale in pixels, and the options.
        style: computes the factor of ‖G − Ĝ‖² from Ĝ, (C, C), a mean over positions.
        units: what weights of 1 stand for. None for the backbone's own units.
        sums_variation: whether the total variation is the sum over all neighbours, not the mean.
    """

    content: Callable[[Tensor, int, int, Options], Tensor]
    style: Callable[[Tensor], Tensor]
    units: Units | None = None
    sums_variation: bool = True


def _relative_to_energy_and_size(energy: Tensor, _: int, side: int, options: Options) -> Tensor:
    growth: float = max(1.0, side / USUAL_SIDE) ** SIZE_EXPONENT
    if options.start not in PLAIN_STARTS:
        growth *= (side / options.size) ** COARSE_EXPONENT
    return growth / energy.clamp_min(MIN_TARGET)


def _relative_to_energy(gram: Tensor) -> Tensor:
    return 1.0 / gram.square().sum().clamp_min(MIN_TARGET)


SCALINGS: Mapping[Normalisation, Scaling] = {
    "pastiche": Scaling(
        content=_relative_to_energy_and_size,
        style=_relative_to_energy,
        sums_variation=False,
    ),
    # ½ Σ (F − P)²; 1/(4N²M²) Σ (ΣFF − ΣFF)², where a sum over M positions is M times the mean.
    "paper": Scaling(
        content=lambda energy, *_: torch.full_like(energy, 0.5),
        style=lambda gram: gram.new_full((), 0.25 / gram.shape[0] ** 2),
        units=EIGHT_BITS,
    ),
    # Mean (F − P)²; mean over N² of (ΣFF/(N·M) − ΣFF/(N·M))².
    "neural-style": Scaling(
        content=lambda energy, count, *_: torch.full_like(energy, 1.0 / count),
        style=lambda gram: gram.new_full((), gram.shape[0] ** -4.0),
        units=HALF_SQUARES,
    ),
}


GAMUT_SHARE = 400.0
"""The weight of the gamut term, relative to the losses of a blank picture. By default the weight is
10⁴ to 3·10⁵. Relative to the other terms, it is the same for all weights and normalisations."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The factor of each term, including all constants."""

    content: float
    style: float
    tv: float
    gamut: float


class TermWeights:
    """The factor of each target's loss, as scalars on the device of the targets.

    New weights overwrite the same memory, so the targets and a recorded CUDA graph stay valid.

    Args:
        content_shares: the share of each content target.
        style_shares: for each style target, the share of each of its styles.

    Attributes:
        contents: for each content target.
        styles: for each style target, the factor of each style.
        layers: for each style target, the sum over its styles.
        tv, gamut: for the terms of the pixels.
    """

    def __init__(
        self,
        weights: Weights,
        content_shares: Sequence[float],
        style_shares: Sequence[Sequence[float]],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._content_shares, self._style_shares = content_shares, style_shares
        factors = self._factors(weights)
        self._values = torch.tensor(factors, device=device, dtype=dtype)  # (number of weights)
        scalars = iter(self._values.unbind())
        self.contents = [next(scalars) for _ in content_shares]
        self.styles = [[next(scalars) for _ in shares] for shares in style_shares]
        self.layers = [next(scalars) for _ in style_shares]
        self.tv, self.gamut = scalars

    def update(self, weights: Weights) -> None:
        """Sets other weights."""
        self._values.copy_(self._values.new_tensor(self._factors(weights)))

    def _factors(self, weights: Weights) -> list[float]:
        return [
            *(weights.content * share for share in self._content_shares),
            *(weights.style * share for shares in self._style_shares for share in shares),
            *(weights.style * sum(shares) for shares in self._style_shares),
            weights.tv,
            weights.gamut,
        ]


def term_weights(
    options: Options, units: Mapping[StyleStatistic, Units], blank_losses: tuple[float, float]
) -> Weights:
    """The factors of the terms, for the weights in the options.

    Args:
        units: the backbone's units, by style statistic.
        blank_losses: from `Targets.blank_losses`.
    """
    scaling = SCALINGS[options.normalisation]
    unit = scaling.units or units[options.style_statistic]
    content, style = unit.content * options.content_weight, unit.style * options.style_weight
    blank_content, blank_style = blank_losses
    tv = unit.variation[options.tv_norm] * options.tv_weight
    if scaling.units is None:
        # Times α + β, so that doubling both gives the same picture. It should smooth strokes, not
        # the content image, so it gets weaker below β = α/4.
        tv *= options.content_weight + options.style_weight
        tv *= min(1.0, 2.5 * style_share(options))
    return Weights(
        content=content,
        style=style,
        tv=tv,
        gamut=GAMUT_SHARE * (content * blank_content + style * blank_style),
    )


def style_share(options: Options) -> float:
    """How much style is requested: 1 if α ≤ β, less if α > β, 0 if β = 0."""
    both = options.content_weight + options.style_weight
    return min(1.0, 2.0 * options.style_weight / both)
