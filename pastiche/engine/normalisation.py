"""How the terms of the objective are weighted: three normalisations, by name.

`pastiche` divides each term by what its target amounts to, so that the same weights mean the same
at every size, layer and backbone. The other two are for weights that come from elsewhere:
`paper`, the sums of Gatys, Ecker, Bethge (CVPR 2016), eq. 1 and 4, and `neural-style`, the means of
the tool of that name, with total variation as a sum over pixels in 0 to 255.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.options import PLAIN_STARTS, Normalisation, Options, StyleStatistic, Variation

MIN_TARGET = 1e-6
"""The smallest number that a term is divided by: the target of a plain image can be 0."""

USUAL_SIDE, SIZE_EXPONENT = 256, 0.25
"""Beyond this size the content's weight grows with this power of the picture's longest side, in
pixels. Strokes are a number of pixels wide; a photograph gets smoother with its size, its feature
maps weaker, and the same strokes disturb them more."""

COARSE_EXPONENT = 1.0
"""At a coarse scale the content's weight is multiplied by this power of its size relative to the
full one. The large strokes and motifs are laid out there, and the finer scales bring the details of
the content image back. A start that shows nothing of the content image needs all of its weight."""


@dataclass(frozen=True, slots=True)
class Units:
    """What weights of 1 stand for, so that the default look is at α = β = 0.5, γ = 1.

    Attributes:
        variation: by its norm.
    """

    content: float
    style: float
    variation: Mapping[Variation, float]


EIGHT_BITS = Units(1.0, 1.0, {"squared": 255.0**2, "absolute": 255.0})
"""Plain weights, with total variation of pixels in 0 to 255."""

HALF_SQUARES = Units(1.0, 1.0, {"squared": 0.5 * 255.0**2, "absolute": 255.0})
"""The same, with half the squares: neural_style.lua gives only the gradient of its total variation,
the differences themselves (`TVLoss:updateGradInput`), which is that of ½ Σ d². It leaves out the
differences within the last row and the last column; ours are among them. The absolute differences
are those of neural-style-pt."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """One way to scale the terms.

    Attributes:
        content: from Σ P², how many values P has, the longest side of the scale in pixels and the
            options, what Σ (F − P)² is multiplied by.
        style: from Ĝ, (C, C), a mean over positions, what ‖G − Ĝ‖² is multiplied by.
        units: what weights of 1 stand for; None for the backbone's own.
        sums_variation: whether the total variation is a sum over all neighbours, not their mean.
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
    # ½ Σ (F − P)²; 1/(4N²M²) Σ (ΣFF − ΣFF)², with the sums over positions as means times M.
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
"""The weight of the gamut term, for each 1 of what a blank picture costs: 10⁴ to 3·10⁵ by default,
and as much relative to the other terms whatever their weights and their normalisation."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each term is multiplied by, all constants included."""

    content: float
    style: float
    tv: float
    gamut: float


class TermWeights:
    """What each target's loss is multiplied by, as scalars on the device of the targets.

    New weights fill the same memory: neither the targets nor a recorded CUDA graph change.

    Args:
        content_shares: of each content target.
        style_shares: of each style target, the share of each of its styles.

    Attributes:
        contents: by content target.
        styles: by style target, of each style.
        layers: by style target, the sum over its styles.
        tv, gamut: of the pixels' own terms.
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
        numbers = self._numbers(weights)
        self._values = torch.tensor(numbers, device=device, dtype=dtype)  # (number of weights)
        scalars = iter(self._values.unbind())
        self.contents = [next(scalars) for _ in content_shares]
        self.styles = [[next(scalars) for _ in shares] for shares in style_shares]
        self.layers = [next(scalars) for _ in style_shares]
        self.tv, self.gamut = scalars

    def update(self, weights: Weights) -> None:
        """From here on with these weights."""
        self._values.copy_(self._values.new_tensor(self._numbers(weights)))

    def _numbers(self, weights: Weights) -> list[float]:
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
    """What the terms are multiplied by, for the weights in the options.

    Args:
        units: the backbone's own, by style statistic.
        blank_losses: from `Targets.blank_losses`.
    """
    scaling = SCALINGS[options.normalisation]
    unit = scaling.units or units[options.style_statistic]
    content, style = unit.content * options.content_weight, unit.style * options.style_weight
    blank_content, blank_style = blank_losses
    tv = unit.variation[options.tv_norm] * options.tv_weight
    if scaling.units is None:
        # Times α + β, so that twice both is the same picture. It is there to smooth strokes, not
        # the content image: all of it down to β = α/4.
        tv *= options.content_weight + options.style_weight
        tv *= min(1.0, 2.5 * style_share(options))
    return Weights(
        content=content,
        style=style,
        tv=tv,
        gamut=GAMUT_SHARE * (content * blank_content + style * blank_style),
    )


def style_share(options: Options) -> float:
    """How much style is requested: all of it, 1, where α ≤ β, none of it where β = 0."""
    both = options.content_weight + options.style_weight
    return min(1.0, 2.0 * options.style_weight / both)
