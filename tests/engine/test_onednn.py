"""oneDNN's convolution with packed filters, compared with a plain one in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.backends.mkldnn import VERBOSE_ON, verbose
from torch.nn.grad import conv2d_input

from pastiche.engine.fast import onednn
from pastiche.engine.fast.convolution import FastConvolution
from pastiche.engine.fast.onednn import PackedFilters
from pastiche.engine.plain import Convolution

pytestmark = pytest.mark.skipif(
    not onednn.can_pack(torch.ones(1, 1, 3, 3)), reason="torch is built without oneDNN"
)

SHAPES = [(1, 1), (3, 4), (9, 17), (80, 96)]
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2e-2}

needs_bfloat16 = pytest.mark.skipif(
    not onednn.can_pack(torch.ones(1, 1, 3, 3).bfloat16()),
    reason="oneDNN does not compute in bfloat16 on this processor",
)
DTYPES = [torch.float32, pytest.param(torch.bfloat16, marks=needs_bfloat16)]


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator).bfloat16().double()
    return numbers.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else numbers


def assert_close(found: Tensor, exact: Tensor) -> None:
    error = (found.double() - exact).norm() / exact.norm().clamp_min(1.0)
    assert found.shape == exact.shape
    assert float(error) < TOLERANCES[found.dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("threshold", [0.0, -1.5])
def test_it_convolves_and_applies_relu(
    size: tuple[int, int], dtype: torch.dtype, threshold: float
) -> None:
    features, weight = random(2, 16, size[0] + 2, size[1] + 2), random(32, 16, 3, 3, seed=1)
    bias = random(32, seed=2)
    filters = PackedFilters(weight.to(dtype), (bias - threshold).to(dtype))
    found = onednn.convolve_relu(features.to(dtype), filters, threshold)
    assert_close(found, F.conv2d(features, weight, bias).clamp(min=threshold))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SHAPES)
def test_its_backward_pass_equals_that_of_a_plain_convolution(
    size: tuple[int, int], dtype: torch.dtype
) -> None:
    gradient, weight = random(2, 32, *size), random(32, 16, 3, 3, seed=1)
    filters = PackedFilters(weight.to(dtype), random(32).to(dtype))
    found = onednn.convolve_backward(gradient.to(dtype), filters)
    shape = (2, 16, size[0] + 2, size[1] + 2)
    assert_close(found, conv2d_input(shape, weight, gradient))  # type: ignore[no-untyped-call]  # no types in torch


def test_filters_are_packed_for_each_size_of_maps_that_they_meet() -> None:
    weight, bias = random(32, 16, 3, 3), random(32)
    filters = PackedFilters(weight.float(), bias.float())
    for side in (10, 82, 10):
        features = random(1, 16, side, side + 2)
        found = onednn.convolve_relu(features.float(), filters, 0.0)
        assert_close(found, F.conv2d(features, weight, bias).clamp(min=0.0))


@pytest.mark.parametrize("size", [(6, 8), (32, 42)])
def test_packed_filters_are_not_converted_again(
    size: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    """With short vectors, oneDNN has another layout for each size, and conversions are slow."""
    height, width = size
    filters = PackedFilters(random(512, 512, 3, 3).float(), random(512).float())
    padded = random(1, 512, height + 2, width + 2).float()
    gradient = random(1, 512, height, width).float()
    with torch.inference_mode():
        for _ in range(2):
            capfd.readouterr()
            with verbose(VERBOSE_ON):  # type: ignore[no-untyped-call]  # no types in torch
                onednn.convolve_relu(padded, filters, 0.0)
                onednn.convolve_backward(gradient, filters)
    log = capfd.readouterr().out
    assert log.count(",exec,cpu,convolution,") == 2
    assert ",reorder," not in log


def test_maps_stay_in_channels_last() -> None:
    filters = PackedFilters(random(32, 16, 3, 3).float(), random(32).float())
    found = onednn.convolve_relu(random(1, 16, 12, 14).float(), filters, 0.0)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
def test_layers_are_packed_on_a_cpu_in_the_precisions_of_onednn(dtype: torch.dtype) -> None:
    convolution = Convolution(random(32, 16, 3, 3), random(32))
    prepared = FastConvolution.prepare(convolution, torch.device("cpu"), dtype)
    assert (prepared.packed is not None) == (dtype != torch.float64)


@needs_bfloat16
def test_gradients_in_bfloat16_have_the_filters_of_float32() -> None:
    """As in the first layer: the rounding errors of its filters are added back."""
    gradient, weight = random(1, 32, 24, 24), torch.rand(32, 3, 3, 3).double()
    filters = PackedFilters(weight.float(), random(32).float(), torch.bfloat16)
    found = onednn.convolve_backward(gradient.bfloat16(), filters)
    exact = conv2d_input((1, 3, 26, 26), weight, gradient)  # type: ignore[no-untyped-call]  # no types in torch
    assert found.dtype == torch.float32
    assert found.shape == exact.shape
    assert float((found.double() - exact).norm() / exact.norm()) < 4e-3
