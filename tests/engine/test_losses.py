"""Each loss by hand on small cases, and its gradient against automatic differentiation."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pastiche.engine.color import Palette
from pastiche.engine.losses import (
    content_error,
    content_pull,
    gamut_excess,
    gram_matrix,
    gram_pull,
    palette_excess,
    positions,
    rooted,
    style_loss,
    total_variation,
)
from pastiche.engine.normalisation import SCALINGS


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_the_gram_matrix_is_the_mean_product_of_every_pair_of_channels() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels at two positions
    expected = torch.tensor([[(1 + 4) / 2, (3 + 8) / 2], [(3 + 8) / 2, (9 + 16) / 2]])
    assert torch.equal(gram_matrix(features), expected)


def test_the_gram_matrix_of_bfloat16_features_is_summed_in_float32() -> None:
    features = torch.ones(1, 4, 64, 64, dtype=torch.bfloat16)
    assert torch.equal(gram_matrix(features), torch.ones(4, 4))


def test_a_guided_gram_matrix_is_that_of_its_region_alone() -> None:
    features = random(1, 6, 5, 7)
    left = torch.zeros(1, 1, 5, 7, dtype=torch.float64)
    left[..., :3] = 1.0
    assert torch.allclose(gram_matrix(features, left), gram_matrix(features[..., :3]))


def test_style_loss_is_the_scaled_squared_distance_of_the_gram_matrices() -> None:
    value, pull = style_loss(torch.tensor([[1.0]]), torch.tensor([[3.0]]), torch.tensor(0.5))
    assert value.item() == pytest.approx(0.5 * (1 - 3) ** 2)
    assert pull.item() == pytest.approx(0.5 * 2 * (1 - 3))


def test_content_error_is_the_sum_of_squared_differences() -> None:
    features, target = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[2.0, 4.0]]]])
    assert content_error(features, target).item() == 1 + 1
    gradient = content_pull(features, target, torch.tensor(0.25))
    assert torch.allclose(gradient, 0.25 * 2 * torch.tensor([[[[-1.0, 1.0]]]]))


def test_a_map_says_how_much_each_place_of_the_content_counts() -> None:
    features, target = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[2.0, 4.0]]]])
    right = torch.tensor([[[[0.0, 1.0]]]])
    assert content_error(features, target, right).item() == 1.0
    gradient = content_pull(features, target, torch.tensor(1.0), right)
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


def test_a_rooted_term_pulls_with_the_same_force_near_and_far() -> None:
    for distance in (1e-3, 1.0, 1e3):
        value, pull = rooted(torch.tensor(distance**2), torch.tensor(2 * distance))
        assert value.item() == pytest.approx(2 * distance, rel=0.2)
        assert pull.item() == pytest.approx(2.0, rel=0.01)


def test_a_single_pixel_has_no_variation() -> None:
    value, gradient = total_variation(torch.ones(1, 3, 1, 1))
    assert value.item() == 0
    assert not gradient.any()


def test_only_what_is_outside_the_gamut_costs() -> None:
    value, gradient = gamut_excess(torch.tensor([[[[-0.5, 0.0, 0.7, 1.25]]]]))
    assert value.item() == pytest.approx((0.25 + 0.0625) / 4)
    assert torch.allclose(gradient, torch.tensor([[[[-0.25, 0.0, 0.0, 0.125]]]]))


def box(low: float, high: float) -> Palette:
    """A palette along axes that are turned by 45 degrees in the plane of red and green."""
    half = 0.5**0.5
    axes = torch.tensor([[half, half, 0], [half, -half, 0], [0, 0, 1]], dtype=torch.float64)
    ends = torch.ones(3, 1, dtype=torch.float64)
    return Palette(axes, low * ends, high * ends)


def test_only_what_is_outside_the_palette_costs() -> None:
    inside, outside = [0.5, 0.5, 0.5], [0.5, 0.5, 1.25]
    image = torch.tensor([inside, outside], dtype=torch.float64).T.view(1, 3, 1, 2)
    value, gradient = palette_excess(image, box(0, 1))
    assert value.item() == pytest.approx(0.25**2 / 6)
    assert torch.allclose(gradient[..., 1].flatten()[2], torch.tensor(2 * 0.25 / 6).double())
    assert gradient[..., 0].abs().max() < 1e-12


def test_the_palette_s_gradient_is_the_value_s_derivative() -> None:
    at = random(1, 3, 5, 7).requires_grad_(True)
    value, gradient = palette_excess(at, box(-0.3, 0.2))
    (derivative,) = torch.autograd.grad(value, at)
    assert torch.allclose(gradient, derivative, rtol=1e-10, atol=1e-12)


GRAM = gram_matrix(random(1, 6, 5, 7, seed=1))
TARGET = random(1, 6, 5, 7, seed=2)
SCALE = torch.tensor(0.3, dtype=torch.float64)
GUIDE = random(1, 1, 5, 7, seed=3).square()
MAP = random(1, 1, 5, 7, seed=4).square()


def styled(features: Tensor, guide: Tensor | None = None) -> tuple[Tensor, Tensor]:
    value, pull = style_loss(gram_matrix(features, guide), GRAM, SCALE)
    return value, gram_pull(features, pull / positions(features, guide), guide)


def contented(features: Tensor, weight_map: Tensor | None = None) -> tuple[Tensor, Tensor]:
    value = SCALE * content_error(features, TARGET, weight_map)
    return value, content_pull(features, TARGET, SCALE, weight_map)


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(styled, id="style"),
        pytest.param(lambda x: styled(x, GUIDE), id="guided style"),
        pytest.param(contented, id="content"),
        pytest.param(lambda x: contented(x, MAP), id="content by a map"),
        pytest.param(lambda x: rooted(*contented(x)), id="root"),
        pytest.param(total_variation, id="total variation"),
        pytest.param(lambda x: total_variation(x, "absolute"), id="absolute variation"),
        pytest.param(lambda x: total_variation(x, summed=True), id="summed variation"),
        pytest.param(gamut_excess, id="gamut"),
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
        features, gram = torch.zeros(1, 4, 3, 3), torch.zeros(4, 4)
        scale = scaling.content(features.square().sum(), features.numel(), 64)
        for value, gradient in (
            style_loss(gram, gram, scaling.style(gram)),
            (content_error(features, features), content_pull(features, features, scale)),
        ):
            assert value.item() == 0
            assert torch.isfinite(gradient).all()
