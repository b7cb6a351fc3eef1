"""3×3 convolutions with a quarter of the multiplications, for CPUs that compute in float32.

Winograd's minimal filtering F(4×4, 3×3): Lavin, Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016). 6×6 windows and filters are transformed to 36 numbers each. There a
convolution is a matrix product, and the products are transformed back to 4×4 outputs. In one
dimension the 6 numbers are the values of a polynomial at 6 points. The points are 0, ±√2, ±1/√2
and ∞, for two reasons:

- The outputs are as exact as those of a plain convolution (a relative error of 1.1·10⁻⁶ against
  0.9·10⁻⁶; it is 2.3·10⁻⁶ with the usual points 0, ±1, ±2 and ∞).
- The inverses of the points are the same points. So a filter rotated by 180° has the same values as
  the filter, in another order, and the backward pass needs no transformed filters for itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUTS = 4
"""How many outputs one window has in each direction."""

WINDOW = OUTPUTS + 2

_POINTS = (0.0, 2.0**0.5, -(2.0**0.5), 2.0**-0.5, -(2.0**-0.5))
"""The finite points, before ∞."""

_INVERSES = [5, 3, 4, 1, 2, 0]
"""The index of each point's inverse."""

CHUNK = 65_536
"""Windows times channels that are processed at once: 36 times as many numbers fit in a cache."""

MIN_CHANNELS = 128
"""With fewer channels, transforming the windows takes as long as the matrix products save."""

MIN_POSITIONS = 128
"""With fewer positions, reading the transformed filters, which are four times as large, takes too
long."""


def is_faster(weight: Tensor) -> bool:
    """Whether this algorithm is faster for these filters, (C_out, C_in, 3, 3), on their device.

    It is not faster on GPUs, on CPUs that multiply bfloat16, or on ARM.
    """
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    has_mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    return has_mkl and min(weight.shape[:2]) >= MIN_CHANNELS


def is_small(features: Tensor) -> bool:
    """Whether these maps, (B, C, H, W), are too small for this algorithm to be faster."""
    return features.shape[2] * features.shape[3] < MIN_POSITIONS


def _value_matrix(coefficients: int) -> Tensor:
    """The matrix, (6, coefficients), that maps a polynomial's coefficients to its values at the
    points."""
    rows = [[point**power for power in range(coefficients)] for point in _POINTS]
    return torch.tensor([*rows, [0.0] * (coefficients - 1) + [1.0]], dtype=torch.float64)


_BALANCE = torch.tensor(
    [1 / abs(point) if point else 1.0 for point in (*_POINTS, 0.0)], dtype=torch.float32
)[:, None]
"""Scales the values so that a rotated filter has the values of the filter: p² at 1/p becomes 1."""

_WINDOW_TRANSFORM = torch.linalg.inv(_value_matrix(WINDOW)).T / _BALANCE.double()  # (6, 6)
_FILTER_TRANSFORM = _value_matrix(3) * _BALANCE.double()  # (6, 3)
_OUTPUT_TRANSFORM = _value_matrix(OUTPUTS).T.contiguous()  # (4, 6)


def transform_weight(weight: Tensor) -> Tensor:
    """Transforms filters, (C_out, C_in, 3, 3), for `convolve`: (36, C_in, C_out)."""
    transform = _FILTER_TRANSFORM.to(weight.device)  # (6, 3)
    values = torch.einsum("ay,bx,oiyx->abio", transform, transform, weight.double())
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
    padded = F.pad(gradient, (2, 2, 2, 2))
    return _convolve(padded, filters.transpose(1, 2), window_transform, output_transform)


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
