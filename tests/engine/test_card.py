"""A card's ways beside the plain ones: whatever moves the numbers, they are the same."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine import card

SIZES = [(1, 1), (1, 5), (2, 3), (7, 8)]
CHANNELS = [3, 4, 64]


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator).to(dtype)
    return numbers.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_edges_are_repeated_and_mirrored(
    size: tuple[int, int], channels: int, dtype: torch.dtype
) -> None:
    features = drawn(2, channels, *size, dtype=dtype)
    repeated = F.pad(features, (1, 1, 1, 1), mode="replicate")
    assert torch.equal(card.bordered(features, mirrored=False), repeated)
    if min(size) > 1:
        mirrored = F.pad(features, (1, 1, 1, 1), mode="reflect")
        assert torch.equal(card.bordered(features, mirrored=True), mirrored)


@pytest.mark.parametrize("channels", CHANNELS)
def test_gaps_go(channels: int) -> None:
    inner = drawn(2, channels, 7, 8, dtype=torch.bfloat16)[..., 1:-1, 1:-1]
    close = card.without_gaps(inner)
    assert torch.equal(close, inner)
    assert close.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_it_pulls_back_as_a_plain_convolution_does(size: tuple[int, int], channels: int) -> None:
    pull, weight = drawn(2, 64, *size), drawn(64, channels, 3, 3, seed=1)
    shape = (2, channels, size[0] + 2, size[1] + 2)
    plain = conv2d_input(shape, weight, pull)  # type: ignore[no-untyped-call]  # torch has no types
    torch.testing.assert_close(card.pulled_back(pull, weight), plain, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [*SIZES, (8, 8), (9, 6)])
def test_averages_pull_at_what_they_are_of(size: tuple[int, int], dtype: torch.dtype) -> None:
    features = drawn(2, 64, *size, dtype=dtype).requires_grad_(True)
    kernel = (min(2, size[0]), min(2, size[1]))
    averages = F.avg_pool2d(features, kernel)
    pull = drawn(*averages.shape, seed=1, dtype=dtype)
    (plain,) = torch.autograd.grad(averages, features, pull)
    assert torch.equal(card.unpooled(pull, size, kernel), plain)
