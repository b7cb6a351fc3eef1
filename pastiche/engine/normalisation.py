"""What weights of 1 stand for: three ways to scale the terms of the objective, by name.

`pastiche` divides each term by what its target amounts to, so that the same weights mean the same
at every size, layer and backbone. The other two are for weights that come from elsewhere:
`paper`, the sums of Gatys, Ecker, Bethge (CVPR 2016), eq. 1 and 4, and `neural-style`, the means of
the tool of that name, with total variation as a sum over pixels in 0 to 255.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.options import Normalisation, Variation

LEAST_TARGET = 1e-6
"""What a term is divided by where its target is nothing: that of a plain picture can be."""

USUAL_SIDE, SIZE_EXPONENT = 256, 0.75
"""Beyond the usual size the content's weight grows with this power of the picture's longest side,
in pixels. Strokes are a number of pixels wide; a photograph gets smoother with its size, its
feature maps weaker, and the same strokes disturb them more."""

CONTENT_UNIT, STYLE_UNIT = 36.0, 15.0
"""What weights of 1 stand for in `pastiche`: with them the default look is at 0.5 and 0.5."""

VARIATION_UNITS: Mapping[Variation, float] = {"squared": 15.0, "absolute": 1.5}
"""The same for the total variation, for a default weight of 1."""

EIGHT_BITS: Mapping[Variation, float] = {"squared": 255.0**2, "absolute": 255.0}
"""What total variation is multiplied with where pixels are thought of in 0 to 255."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """One way to scale the terms.

    Attributes:
        content: from Σ P², how many values P has, and the longest side of the picture in pixels,
            what Σ (F − P)² is multiplied with.
        style: from A, (C, C), a mean over positions, what ‖G − A‖² is multiplied with.
        variation_units, content_unit, style_unit: what weights of 1 stand for.
        layers_share: whether the weights of the layers are shares of 1; else they are as given.
        style_layer: the weight of a style layer where none are given; None for the backbone's own.
        variation_is_summed: the total variation over all neighbours, not its mean.
    """

    content: Callable[[Tensor, int, int], Tensor]
    style: Callable[[Tensor], Tensor]
    variation_units: Mapping[Variation, float]
    content_unit: float = 1.0
    style_unit: float = 1.0
    layers_share: bool = False
    style_layer: float | None = None
    variation_is_summed: bool = True


def _by_energy_and_size(energy: Tensor, _: int, side: int) -> Tensor:
    growth: float = max(1.0, side / USUAL_SIDE) ** SIZE_EXPONENT
    return growth / energy.clamp_min(LEAST_TARGET)


def _by_energy(gram: Tensor) -> Tensor:
    return 1.0 / gram.square().sum().clamp_min(LEAST_TARGET)


SCALINGS: Mapping[Normalisation, Scaling] = {
    "pastiche": Scaling(
        content=_by_energy_and_size,
        style=_by_energy,
        content_unit=CONTENT_UNIT,
        style_unit=STYLE_UNIT,
        variation_units=VARIATION_UNITS,
        layers_share=True,
        variation_is_summed=False,
    ),
    # ½ Σ (F − P)²; 1/(4N²M²) Σ (ΣFF − ΣFF)², with the sums over positions as means times M.
    "paper": Scaling(
        content=lambda energy, *_: torch.full_like(energy, 0.5),
        style=lambda gram: gram.new_full((), 0.25 / gram.shape[0] ** 2),
        variation_units=EIGHT_BITS,
        style_layer=0.2,
    ),
    # Mean (F − P)²; mean over N² of (ΣFF/(N·M) − ΣFF/(N·M))².
    "neural-style": Scaling(
        content=lambda energy, count, _: torch.full_like(energy, 1.0 / count),
        style=lambda gram: gram.new_full((), gram.shape[0] ** -4.0),
        variation_units=EIGHT_BITS,
        style_layer=1.0,
    ),
}
