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

from pastiche.engine.backbone import Units
from pastiche.options import Normalisation

LEAST_TARGET = 1e-6
"""What a term is divided by where its target is nothing: that of a plain picture can be."""

USUAL_SIDE, SIZE_EXPONENT = 256, 0.25
"""Beyond the usual size the content's weight grows with this power of the picture's longest side,
in pixels. Strokes are a number of pixels wide; a photograph gets smoother with its size, its
feature maps weaker, and the same strokes disturb them more."""

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
        content: from Σ P², how many values P has, and the longest side of the picture in pixels,
            what Σ (F − P)² is multiplied with.
        style: from Ĝ, (C, C), a mean over positions, what ‖G − Ĝ‖² is multiplied with.
        units: what weights of 1 stand for; None for the backbone's own.
        variation_is_summed: the total variation over all neighbours, not its mean.
    """

    content: Callable[[Tensor, int, int], Tensor]
    style: Callable[[Tensor], Tensor]
    units: Units | None = None
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
        variation_is_summed=False,
    ),
    # ½ Σ (F − P)²; 1/(4N²M²) Σ (ΣFF − ΣFF)², with the sums over positions as means times M.
    "paper": Scaling(
        content=lambda energy, *_: torch.full_like(energy, 0.5),
        style=lambda gram: gram.new_full((), 0.25 / gram.shape[0] ** 2),
        units=EIGHT_BITS,
    ),
    # Mean (F − P)²; mean over N² of (ΣFF/(N·M) − ΣFF/(N·M))².
    "neural-style": Scaling(
        content=lambda energy, count, _: torch.full_like(energy, 1.0 / count),
        style=lambda gram: gram.new_full((), gram.shape[0] ** -4.0),
        units=HALF_SQUARES,
    ),
}
