"""Winograd's convolution, compared with torch's."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine.fast import winograd
from pastiche.engine.fast.convolution import FastConvolution
from pastiche.engine.plain import Convolution

SHAPES = [(1, 1), (3, 4), (4, 4), (9, 17), (24, 32)]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("size", SHAPES)
def test_the_output_equals_that_of_a_plain_convolution(size: tuple[int, int]) -> None:
    features, weight = random(2, 5, size[0] + 2, size[1] + 2), random(7, 5, 3, 3, seed=1)
    found = winograd.convolve(features, winograd.transform_weight(weight))
    torch.testing.assert_close(found, F.conv2d(features, weight), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SHAPES)
def test_the_backward_pass_is_that_of_a_plain_convolution(size: tuple[int, int]) -> None:
    gradient, weight = random(2, 7, *size), random(7, 5, 3, 3, seed=1)
    found = winograd.convolve_backward(gradient, winograd.transform_weight(weight))
    plain = conv2d_input((2, 5, size[0] + 2, size[1] + 2), weight, gradient)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-12)


def test_it_gives_the_same_result_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    features, filters = random(1, 5, 42, 34), winograd.transform_weight(random(7, 5, 3, 3, seed=1))
    at_once = winograd.convolve(features, filters)
    monkeypatch.setattr(winograd, "CHUNK", 2 * 8 * 7)
    torch.testing.assert_close(winograd.convolve(features, filters), at_once, rtol=0, atol=1e-12)


def test_in_float32_its_relative_error_is_below_four_millionths() -> None:
    """It is 1.5e-6 with these points. The limit allows for processors whose multiplication rounds
    more, where the error of a plain convolution is unknown."""
    features, weight = random(1, 256, 50, 66), random(256, 256, 3, 3, seed=1)
    found = winograd.convolve(features.float(), winograd.transform_weight(weight.float()))
    assert error(found, F.conv2d(features, weight)) < 4e-6


def error(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


def test_it_is_used_on_cpus_in_float32_with_many_channels() -> None:
    has_mkl = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    assert uses_winograd(128, 256, torch.float32) == has_mkl
    assert not uses_winograd(64, 256, torch.float32)
    assert not uses_winograd(128, 256, torch.float64)
    assert not uses_winograd(128, 256, torch.bfloat16)


def uses_winograd(incoming: int, outgoing: int, dtype: torch.dtype) -> bool:
    convolution = Convolution(random(outgoing, incoming, 3, 3), random(outgoing))
    prepared = FastConvolution.prepare(convolution, torch.device("cpu"), dtype)
    return prepared.winograd_weight is not None
