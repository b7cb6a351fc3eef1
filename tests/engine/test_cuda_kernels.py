"""The kernels for CUDA, compared with torch's: they must move the same numbers."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine.fast import cuda

SIZES = [(1, 1), (1, 5), (2, 3), (7, 8)]
CHANNELS = [3, 4, 64]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator).to(dtype)
    return numbers.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_edges_are_repeated_and_mirrored(
    size: tuple[int, int], channels: int, dtype: torch.dtype
) -> None:
    features = random(2, channels, *size, dtype=dtype)
    repeated = F.pad(features, (1, 1, 1, 1), mode="replicate")
    assert torch.equal(cuda.pad(features, mirrored=False), repeated)
    if min(size) > 1:
        mirrored = F.pad(features, (1, 1, 1, 1), mode="reflect")
        assert torch.equal(cuda.pad(features, mirrored=True), mirrored)


@pytest.mark.parametrize("channels", CHANNELS)
def test_a_view_is_made_contiguous(channels: int) -> None:
    inner = random(2, channels, 7, 8, dtype=torch.bfloat16)[..., 1:-1, 1:-1]
    contiguous = cuda.make_contiguous(inner)
    assert torch.equal(contiguous, inner)
    assert contiguous.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_the_backward_pass_is_that_of_a_plain_convolution(
    size: tuple[int, int], channels: int
) -> None:
    gradient, weight = random(2, 64, *size), random(64, channels, 3, 3, seed=1)
    shape = (2, channels, size[0] + 2, size[1] + 2)
    plain = conv2d_input(shape, weight, gradient)  # type: ignore[no-untyped-call]  # torch has no types
    torch.testing.assert_close(cuda.convolve_backward(gradient, weight), plain, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [*SIZES, (8, 8), (9, 6)])
def test_the_backward_pass_is_that_of_average_pooling(
    size: tuple[int, int], dtype: torch.dtype
) -> None:
    features = random(2, 64, *size, dtype=dtype).requires_grad_(True)
    kernel = (min(2, size[0]), min(2, size[1]))
    averages = F.avg_pool2d(features, kernel)
    gradient = random(*averages.shape, seed=1, dtype=dtype)
    (plain,) = torch.autograd.grad(averages, features, gradient)
    assert torch.equal(cuda.average_pool_backward(gradient, size, kernel), plain)
