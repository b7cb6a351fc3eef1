"""Each loss computed by hand for small cases, and its gradient by automatic differentiation."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine.colour import Palette
from pastiche.engine.losses import (
    content_gradient,
    content_loss,
    gamut_loss,
    palette_loss,
    total_variation,
)
from pastiche.engine.normalisation import SCALINGS


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_content_error_is_the_sum_of_squared_differences() -> None:
    features, target = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[2.0, 4.0]]]])
    assert content_loss(features, target).item() == 1 + 1
    gradient = content_gradient(features, target, torch.tensor(0.25))
    assert torch.allclose(gradient, 0.25 * 2 * torch.tensor([[[[-1.0, 1.0]]]]))


def test_a_content_map_weights_each_position() -> None:
    features, target = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[2.0, 4.0]]]])
    right = torch.tensor([[[[0.0, 1.0]]]])
    assert content_loss(features, target, right).item() == 1.0
    gradient = content_gradient(features, target, torch.tensor(1.0), right)
    assert torch.equal(gradient, torch.tensor([[[[0.0, 2.0]]]]))


def test_total_variation_is_the_mean_square_of_the_steps_down_and_across() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    value, _ = total_variation(image)
    down, across = (0 + 2**2) / 2, (1 + 3**2) / 2
    assert value.item() == pytest.approx(down + across)


def test_absolute_variation_is_the_mean_of_the_steps_themselves() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    value, _ = total_variation(image, "absolute")
    assert value.item() == pytest.approx((0 + 2) / 2 + (1 + 3) / 2)


def test_variation_as_a_sum_does_not_divide() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    assert total_variation(image, summed=True)[0].item() == pytest.approx(0 + 2**2 + 1 + 3**2)
    assert total_variation(image, "absolute", summed=True)[0].item() == pytest.approx(6)


def test_neural_style_s_variation_has_the_gradient_of_its_source() -> None:
    """Compared with TVLoss:updateGradInput of neural_style.lua, on pixels in 0 to 255, without the
    last row and column, whose differences it leaves out."""
    image = random(1, 3, 5, 7)
    pixels = 255 * image
    right = pixels[..., :-1, :-1] - pixels[..., :-1, 1:]  # x_diff
    down = pixels[..., :-1, :-1] - pixels[..., 1:, :-1]  # y_diff
    expected = torch.zeros_like(image)
    expected[..., :-1, :-1] += right + down
    expected[..., :-1, 1:] -= right
    expected[..., 1:, :-1] -= down
    scaling = SCALINGS["neural-style"]
    assert scaling.units is not None
    _, gradient = total_variation(image, "squared", summed=scaling.sums_variation)
    # Of pixels in 0 to 1, which move the others 255 times as far.
    ours = scaling.units.variation["squared"] * gradient / 255
    assert torch.allclose(ours[..., :-1, :-1], expected[..., :-1, :-1])


def test_a_single_pixel_has_no_variation() -> None:
    value, gradient = total_variation(torch.ones(1, 3, 1, 1))
    assert value.item() == 0
    assert not gradient.any()


def test_only_values_outside_the_gamut_have_a_loss() -> None:
    value, gradient = gamut_loss(torch.tensor([[[[-0.5, 0.0, 0.7, 1.25]]]]))
    assert value.item() == pytest.approx((0.25 + 0.0625) / 4)
    assert torch.allclose(gradient, torch.tensor([[[[-0.25, 0.0, 0.0, 0.125]]]]))


def box(low: float, high: float) -> Palette:
    """A palette whose axes are rotated by 45 degrees in the plane of red and green."""
    half = 0.5**0.5
    axes = torch.tensor([[half, half, 0], [half, -half, 0], [0, 0, 1]], dtype=torch.float64)
    ends = torch.ones(3, 1, dtype=torch.float64)
    return Palette(axes, low * ends, high * ends)


def test_only_colours_outside_the_palette_have_a_loss() -> None:
    inside, outside = [0.5, 0.5, 0.5], [0.5, 0.5, 1.25]
    image = torch.tensor([inside, outside], dtype=torch.float64).T.view(1, 3, 1, 2)
    value, gradient = palette_loss(image, box(0, 1))
    assert value.item() == pytest.approx(0.25**2 / 6)
    assert torch.allclose(gradient[..., 1].flatten()[2], torch.tensor(2 * 0.25 / 6).double())
    assert gradient[..., 0].abs().max() < 1e-12


def test_the_palette_s_gradient_is_the_value_s_derivative() -> None:
    at = random(1, 3, 5, 7).requires_grad_(True)
    value, gradient = palette_loss(at, box(-0.3, 0.2))
    (derivative,) = torch.autograd.grad(value, at)
    assert torch.allclose(gradient, derivative, rtol=1e-10, atol=1e-12)


TARGET = random(1, 6, 5, 7, seed=2)
SCALE = torch.tensor(0.3, dtype=torch.float64)
MAP = random(1, 1, 5, 7, seed=4).square()


def contented(features: Tensor, weight_map: Tensor | None = None) -> tuple[Tensor, Tensor]:
    value = SCALE * content_loss(features, TARGET, weight_map)
    return value, content_gradient(features, TARGET, SCALE, weight_map)


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(contented, id="content"),
        pytest.param(lambda x: contented(x, MAP), id="content by a map"),
        pytest.param(total_variation, id="total variation"),
        pytest.param(lambda x: total_variation(x, "absolute"), id="absolute variation"),
        pytest.param(lambda x: total_variation(x, summed=True), id="summed variation"),
        pytest.param(gamut_loss, id="gamut"),
    ],
)
def test_the_gradient_is_the_value_s_derivative(
    loss: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> None:
    at = random(1, 6, 5, 7).requires_grad_(True)
    value, gradient = loss(at)
    (derivative,) = torch.autograd.grad(value, at)
    assert torch.allclose(gradient, derivative, rtol=1e-10, atol=1e-12)


def test_a_target_of_nothing_gives_finite_losses() -> None:
    for scaling in SCALINGS.values():
        features = torch.zeros(1, 4, 3, 3)
        scale = scaling.content(features.square().sum(), features.numel(), 64, Options())
        assert content_loss(features, features).item() == 0
        assert torch.isfinite(content_gradient(features, features, scale)).all()
