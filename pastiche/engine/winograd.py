"""3×3 convolutions with a quarter of the multiplications, for processors that reckon in float32.

Winograd's minimal filtering F(4×4, 3×3): Lavin, Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016). Windows of 6×6 and filters are taken to 36 numbers each, where a convolution
is a product of matrices, and the products back to 4×4 answers. In one dimension these 6 numbers are
the values of a polynomial at 6 points. Two things come from the choice of the points:

- 0, ±√2, ±1/√2 and ∞ lie so well that the answers are as exact as those of a plain convolution
  (a relative error of 1.1·10⁻⁶ beside 0.9·10⁻⁶; 2.3·10⁻⁶ at the usual 0, ±1, ±2 and ∞).
- The points' inverses are the same points. A filter turned by half a circle has the values of the
  filter itself, in another order: the backward pass needs no filters of its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ANSWERS = 4
"""How many answers in a row come from one window."""

WINDOW = ANSWERS + 2

_POINTS = (0.0, 2.0**0.5, -(2.0**0.5), 2.0**-0.5, -(2.0**-0.5))
"""The finite ones, before ∞."""

_INVERSES = [5, 3, 4, 1, 2, 0]
"""At which place among the points each one's inverse is."""

CHUNK = 65_536
"""Windows times channels that are worked on at once: 36 times as many numbers fit into a cache."""

FEW_CHANNELS = 128
"""With fewer, taking windows there and back costs what the products save."""

FEW_PLACES = 128
"""On fewer, the filters, four times as many numbers, are read for too little."""


def is_faster(weight: Tensor) -> bool:
    """Whether it is the faster way for these filters, (C_out, C_in, 3, 3), where they lie.

    Cards have their own ways, so have processors that multiply bfloat16, and those of ARM.
    """
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    has_mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    return has_mkl and min(weight.shape[:2]) >= FEW_CHANNELS


def is_small(features: Tensor) -> bool:
    """Whether these maps, (B, C, H, W), are too small for it to be worth while."""
    return features.shape[2] * features.shape[3] < FEW_PLACES


def _values(coefficients: int) -> Tensor:
    """What takes a polynomial's coefficients to its values at the points, (6, coefficients)."""
    rows = [[point**power for power in range(coefficients)] for point in _POINTS]
    return torch.tensor([*rows, [0.0] * (coefficients - 1) + [1.0]], dtype=torch.float64)


_EVEN = torch.tensor([1 / abs(point) if point else 1.0 for point in (*_POINTS, 0.0)])[:, None]
"""What makes the values of a turned filter those of the filter itself: p² at 1/p becomes 1."""

_OF_WINDOW = torch.linalg.inv(_values(WINDOW)).T / _EVEN.double()  # (6, 6)
_OF_FILTER = _values(3) * _EVEN.double()  # (6, 3)
_TO_ANSWERS = _values(ANSWERS).T.contiguous()  # (4, 6)


def transformed(weight: Tensor) -> Tensor:
    """Filters, (C_out, C_in, 3, 3), as `convolved` takes them: (36, C_in, C_out)."""
    across = _OF_FILTER.to(weight.device)
    values = torch.einsum("ay,bx,oiyx->abio", across, across, weight.double())
    return values.to(weight.dtype).reshape(WINDOW**2, weight.shape[1], weight.shape[0])


def convolved(surrounded: Tensor, filters: Tensor) -> Tensor:
    """The convolution with these filters: (B, C_in, H+2, W+2) → (B, C_out, H, W).

    Args:
        surrounded: the features with what surrounds them.
        filters: (36, C_in, C_out), transformed.
    """
    return _convolved(surrounded, filters, _OF_WINDOW, _TO_ANSWERS)


def convolved_back(pull: Tensor, filters: Tensor) -> Tensor:
    """The gradient at `surrounded` of `convolved`: (B, C_out, H, W) → (B, C_in, H+2, W+2)."""
    of_window, to_answers = _OF_WINDOW[_INVERSES], _TO_ANSWERS[:, _INVERSES]
    around = F.pad(pull, (2, 2, 2, 2))
    return _convolved(around, filters.transpose(1, 2), of_window, to_answers)


def _convolved(
    surrounded: Tensor, filters: Tensor, of_window: Tensor, to_answers: Tensor
) -> Tensor:
    incoming, outgoing = filters.shape[1:]
    height, width = (side - 2 for side in surrounded.shape[-2:])
    down, across = -(-height // ANSWERS), -(-width // ANSWERS)
    missing = (0, ANSWERS * across - width, 0, ANSWERS * down - height)
    whole = F.pad(surrounded, missing) if any(missing) else surrounded
    windows = whole.unfold(2, WINDOW, ANSWERS).unfold(3, WINDOW, ANSWERS)
    windows = windows.permute(0, 4, 5, 2, 3, 1)  # (B, 6, 6, down, across, C_in)
    answers = whole.new_empty(len(whole), down, ANSWERS, across, ANSWERS, outgoing)
    to_values = torch.kron(of_window, of_window).to(whole)  # (36, 36)
    to_places = torch.kron(to_answers, to_answers).to(whole)  # (16, 36)
    rows = max(1, CHUNK // (across * max(incoming, outgoing)))
    for image, of_image in zip(windows, answers, strict=True):
        for part, target in zip(image.split(rows, dim=2), of_image.split(rows), strict=True):
            values = to_values @ part.reshape(WINDOW**2, -1)
            products = values.view(WINDOW**2, -1, incoming) @ filters  # (36, windows, C_out)
            places = to_places @ products.view(WINDOW**2, -1)
            target.copy_(places.view(ANSWERS, ANSWERS, -1, across, outgoing).permute(2, 0, 3, 1, 4))
    flat = answers.view(len(whole), ANSWERS * down, ANSWERS * across, outgoing)
    return flat[:, :height, :width].permute(0, 3, 1, 2)
