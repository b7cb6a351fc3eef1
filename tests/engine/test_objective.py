"""The objective and its gradient against a plain implementation of the papers' equations."""

import pytest
import torch
from torch import Tensor

from pastiche.engine.objective import Objective, Targets, Weights
from pastiche.engine.precision import convolution_dtype
from tests.engine import plain

WEIGHTS = (4.0, 7.5, 5.0, 1e4)
CPU = torch.device("cpu")


def picture(height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)


CONTENT, STYLE = picture(37, 50, 1), picture(45, 33, 2)
AT = 1.2 * picture(37, 50, 3) - 0.1  # some of it outside 0 to 1


def evaluated(dtype: torch.dtype, centre: float = 0.0) -> tuple[float, Tensor]:
    """Our value and gradient, with the convolutions in `dtype`."""
    network = plain.random_backbone(centre=centre).to(CPU, dtype)
    pixels = torch.float64 if dtype == torch.float64 else torch.float32
    targets = Targets.of(CONTENT.to(pixels), STYLE.to(pixels), network)
    evaluation = Objective(network, targets, Weights(*WEIGHTS))(AT.to(pixels))
    return evaluation.value.item(), evaluation.gradient.double()


def expected(centre: float = 0.0) -> tuple[float, Tensor]:
    """The plain value, and its gradient by automatic differentiation."""
    at = AT.clone().requires_grad_(True)
    network = plain.random_backbone(centre=centre)
    value = plain.objective(at, CONTENT, STYLE, network, WEIGHTS)
    (gradient,) = torch.autograd.grad(value, at)
    return value.item(), gradient


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_in_float64_it_is_the_papers_objective(centre: float) -> None:
    (value, gradient), (plain_value, plain_gradient) = (
        evaluated(torch.float64, centre),
        expected(centre),
    )
    assert value == pytest.approx(plain_value, rel=1e-9)
    assert distance(gradient, plain_gradient) < 1e-9


def test_in_float32_it_is_close() -> None:
    (value, gradient), (plain_value, plain_gradient) = evaluated(torch.float32), expected()
    assert value == pytest.approx(plain_value, rel=1e-4)
    assert distance(gradient, plain_gradient) < 1e-3


def test_in_bfloat16_it_is_near() -> None:
    (value, gradient), (plain_value, plain_gradient) = evaluated(torch.bfloat16), expected()
    assert value == pytest.approx(plain_value, rel=1e-2)
    assert distance(gradient, plain_gradient) < 5e-2


def test_the_gradient_passes_finite_differences() -> None:
    network = plain.random_backbone()
    objective = Objective(network, Targets.of(CONTENT, STYLE, network), Weights(*WEIGHTS))
    direction = picture(37, 50, 4) - 0.5
    slope = (objective(AT).gradient * direction).sum().item()
    near = 1e-6
    rise = objective(AT + near * direction).value - objective(AT - near * direction).value
    assert rise.item() / (2 * near) == pytest.approx(slope, rel=1e-5)


def test_the_terms_add_up_to_the_value() -> None:
    network = plain.random_backbone()
    evaluation = Objective(network, Targets.of(CONTENT, STYLE, network), Weights(*WEIGHTS))(AT)
    assert evaluation.terms.sum().item() == pytest.approx(evaluation.value.item())


def test_bfloat16_is_used_only_where_the_processor_has_it() -> None:
    flags = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    assert (convolution_dtype(CPU) == torch.bfloat16) == flags
