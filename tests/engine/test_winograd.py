"""The fast convolution beside the plain one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_input

from pastiche.engine import winograd
from pastiche.engine.layers import Convolution

SHAPES = [(1, 1), (3, 4), (4, 4), (9, 17), (24, 32)]


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("size", SHAPES)
def test_its_answers_are_those_of_a_plain_convolution(size: tuple[int, int]) -> None:
    features, weight = drawn(2, 5, size[0] + 2, size[1] + 2), drawn(7, 5, 3, 3, seed=1)
    found = winograd.convolved(features, winograd.transformed(weight))
    torch.testing.assert_close(found, F.conv2d(features, weight), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SHAPES)
def test_it_pulls_back_as_a_plain_convolution_does(size: tuple[int, int]) -> None:
    pull, weight = drawn(2, 7, *size), drawn(7, 5, 3, 3, seed=1)
    found = winograd.convolved_back(pull, winograd.transformed(weight))
    plain = conv2d_input((2, 5, size[0] + 2, size[1] + 2), weight, pull)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-12)


def test_in_parts_it_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, filters = drawn(1, 5, 42, 34), winograd.transformed(drawn(7, 5, 3, 3, seed=1))
    at_once = winograd.convolved(features, filters)
    monkeypatch.setattr(winograd, "CHUNK", 2 * 8 * 7)
    torch.testing.assert_close(winograd.convolved(features, filters), at_once, rtol=0, atol=1e-12)


def test_in_float32_its_relative_error_is_below_four_millionths() -> None:
    """1.5e-6 at these points; where the processor's own multiplication rounds more, no test of
    ours can say by how much a plain convolution would be off."""
    features, weight = drawn(1, 256, 50, 66), drawn(256, 256, 3, 3, seed=1)
    found = winograd.convolved(features.float(), winograd.transformed(weight.float()))
    assert error(found, F.conv2d(features, weight)) < 4e-6


def error(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


def test_it_is_chosen_where_a_processor_reckons_in_float32_with_many_channels() -> None:
    here, there = torch.device("cpu"), torch.float32
    chosen = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    assert (layer_of(128, 256).to(here, there).transformed is not None) == chosen
    assert layer_of(64, 256).to(here, there).transformed is None
    assert layer_of(128, 256).to(here, torch.float64).transformed is None
    assert layer_of(128, 256).to(here, torch.bfloat16).transformed is None


def layer_of(incoming: int, outgoing: int) -> Convolution:
    return Convolution(drawn(outgoing, incoming, 3, 3), drawn(outgoing))
