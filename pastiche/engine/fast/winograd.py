"""3×3 convolutions with a quarter of the multiplications, for CPUs that compute in float32.

Winograd's minimal filtering F(4×4, 3×3): Lavin, Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016). Windows of 6×6 and filters are transformed to 36 numbers each, where a
convolution is a matrix product, and the products are transformed back to 4×4 outputs. In one
dimension these 6 numbers are the values of a polynomial at 6 points. Two things come from the
choice of the points:

- With 0, ±√2, ±1/√2 and ∞ the outputs are as exact as those of a plain convolution (a relative
  error of 1.1·10⁻⁶ against 0.9·10⁻⁶; 2.3·10⁻⁶ at the usual 0, ±1, ±2 and ∞).
- The points' inverses are the same points. A filter rotated by 180° has the values of the
  filter itself, in another order: the backward pass needs no filters of its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUTS = 4
"""How many outputs in a row come from one window."""

WINDOW = OUTPUTS + 2

_POINTS = (0.0, 2.0**0.5, -(2.0**0.5), 2.0**-0.5, -(2.0**-0.5))
"""The finite points, before ∞."""

_INVERSES = [5, 3, 4, 1, 2, 0]
"""The index of each point's inverse."""

CHUNK = 65_536
"""Windows times channels that are processed at once: 36 times as many numbers fit into a cache."""

MIN_CHANNELS = 128
"""With fewer, transforming the windows costs what the products save."""

MIN_POSITIONS = 128
"""With fewer, reading the filters, four times as many numbers, costs too much."""


def is_faster(weight: Tensor) -> bool:
    """Whether it is faster for these filters, (C_out, C_in, 3, 3), on their device.

    It is not on GPUs, on CPUs that multiply bfloat16, and on ARM.
    """
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    has_mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    return has_mkl and min(weight.shape[:2]) >= MIN_CHANNELS


def is_small(features: Tensor) -> bool:
    """Whether these maps, (B, C, H, W), are too small for it to pay off."""
    return features.shape[2] * features.shape[3] < MIN_POSITIONS


def _values(coefficients: int) -> Tensor:
    """(6, coefficients), takes a polynomial's coefficients to its values at the points."""
    rows = [[point**power for power in range(coefficients)] for point in _POINTS]
    return torch.tensor([*rows, [0.0] * (coefficients - 1) + [1.0]], dtype=torch.float64)


_BALANCE = torch.tensor([1 / abs(point) if point else 1.0 for point in (*_POINTS, 0.0)])[:, None]
"""Makes the values of a rotated filter those of the filter itself: p² at 1/p becomes 1."""

_WINDOW_TRANSFORM = torch.linalg.inv(_values(WINDOW)).T / _BALANCE.double()  # (6, 6)
_FILTER_TRANSFORM = _values(3) * _BALANCE.double()  # (6, 3)
_OUTPUT_TRANSFORM = _values(OUTPUTS).T.contiguous()  # (4, 6)


def transform_weight(weight: Tensor) -> Tensor:
    """Filters, (C_out, C_in, 3, 3), as `convolve` takes them: (36, C_in, C_out)."""
    across = _FILTER_TRANSFORM.to(weight.device)
    values = torch.einsum("ay,bx,oiyx->abio", across, across, weight.double())
    return values.to(weight.dtype).reshape(WINDOW**2, weight.shape[1], weight.shape[0])


def convolve(padded: Tensor, filters: Tensor) -> Tensor:
    """The convolution with these filters: (B, C_in, H+2, W+2) → (B, C_out, H, W).

    Args:
        padded: the features with a border of 1.
        filters: (36, C_in, C_out), from `transform_weight`.
    """
    return _convolve(padded, filters, _WINDOW_TRANSFORM, _OUTPUT_TRANSFORM)


def convolve_backward(gradient: Tensor, filters: Tensor) -> Tensor:
    """The gradient at `padded` of `convolve`: (B, C_out, H, W) → (B, C_in, H+2, W+2)."""
    window_transform, output_transform = (
        _WINDOW_TRANSFORM[_INVERSES],
        _OUTPUT_TRANSFORM[:, _INVERSES],
    )
    around = F.pad(gradient, (2, 2, 2, 2))
    return _convolve(around, filters.transpose(1, 2), window_transform, output_transform)


def _convolve(
    padded: Tensor, filters: Tensor, window_transform: Tensor, output_transform: Tensor
) -> Tensor:
    incoming, outgoing = filters.shape[1:]
    height, width = (side - 2 for side in padded.shape[-2:])
    down, across = -(-height // OUTPUTS), -(-width // OUTPUTS)
    missing = (0, OUTPUTS * across - width, 0, OUTPUTS * down - height)
    whole = F.pad(padded, missing) if any(missing) else padded
    windows = whole.unfold(2, WINDOW, OUTPUTS).unfold(3, WINDOW, OUTPUTS)
    windows = windows.permute(0, 4, 5, 2, 3, 1)  # (B, 6, 6, down, across, C_in)
    outputs = whole.new_empty(len(whole), down, OUTPUTS, across, OUTPUTS, outgoing)
    to_values = torch.kron(window_transform, window_transform).to(whole)  # (36, 36)
    to_positions = torch.kron(output_transform, output_transform).to(whole)  # (16, 36)
    rows = max(1, CHUNK // (across * max(incoming, outgoing)))
    for image, image_outputs in zip(windows, outputs, strict=True):
        for part, target in zip(image.split(rows, dim=2), image_outputs.split(rows), strict=True):
            values = to_values @ part.reshape(WINDOW**2, -1)
            products = values.view(WINDOW**2, -1, incoming) @ filters  # (36, windows, C_out)
            positions = to_positions @ products.view(WINDOW**2, -1)
            target.copy_(
                positions.view(OUTPUTS, OUTPUTS, -1, across, outgoing).permute(2, 0, 3, 1, 4)
            )
    flat = outputs.view(len(whole), OUTPUTS * down, OUTPUTS * across, outgoing)
    return flat[:, :height, :width].permute(0, 3, 1, 2)
