"""Small images for the engine's tests, and odd ones that it must be able to paint."""

import pytest
import torch
from torch import Tensor


def textured(height: int, width: int, seed: int) -> Tensor:
    """Blotches of colour."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE, OTHER_STYLE = textured(96, 128, 1), textured(80, 100, 2), textured(90, 90, 3)

AWKWARD = [
    pytest.param(torch.full((1, 3, 64, 64), 0.5), STYLE, id="plain content"),
    pytest.param(CONTENT, torch.zeros(1, 3, 64, 64), id="black style"),
    pytest.param(torch.ones(1, 3, 32, 32), torch.ones(1, 3, 32, 32), id="both white"),
    pytest.param(textured(16, 16, 3), textured(16, 16, 4), id="16 pixels"),
    pytest.param(textured(16, 320, 3), textured(320, 16, 4), id="20 to 1"),
]
"""Pairs that are plain, or have odd shapes."""


def left_half(image: Tensor) -> Tensor:
    """A mask that is white on the left."""
    mask = torch.zeros(1, 1, *image.shape[-2:])
    mask[..., : image.shape[-1] // 2] = 1.0
    return mask
