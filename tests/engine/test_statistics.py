"""Style statistics computed by hand for small cases, and gradients by automatic differentiation."""

import pytest
import torch
from torch import Tensor

from pastiche.engine.guidance import blend_moments
from pastiche.engine.losses import (
    MIN_COVARIANCE,
    GramTarget,
    MomentsGradient,
    MomentsTarget,
    StyleStatisticTarget,
    feature_gradient,
    position_sums,
)
from pastiche.engine.normalisation import SCALINGS
from pastiche.engine.plain import Moments


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


FEATURES = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]], dtype=torch.float64)
"""Two channels at two positions: (1, 3) and (2, 5)."""

GRAM = torch.tensor([[(1 + 4) / 2, (3 + 10) / 2], [(3 + 10) / 2, (9 + 25) / 2]]).double()
MEAN = torch.tensor([1.5, 4.0]).double()
COVARIANCE = torch.tensor([[0.25, 0.5], [0.5, 1.0]]).double()


def moments_of(features: Tensor, guide: Tensor | None = None) -> Moments:
    return position_sums(features, guide).moments()


def test_the_gram_matrix_is_the_mean_product_of_every_pair_of_channels() -> None:
    assert torch.equal(moments_of(FEATURES).gram, GRAM)


def test_the_covariance_is_the_gram_matrix_around_the_mean() -> None:
    moments = moments_of(FEATURES)
    assert torch.equal(moments.mean, MEAN)
    assert torch.allclose(moments.covariance, COVARIANCE)
    rows = random(1, 6, 5, 7)[0].flatten(1)
    expected = torch.cov(rows, correction=0)
    assert torch.allclose(moments_of(random(1, 6, 5, 7)).covariance, expected)


def test_sums_of_bfloat16_features_are_summed_in_float32() -> None:
    sums = position_sums(torch.ones(1, 4, 64, 64, dtype=torch.bfloat16))
    assert sums.products.dtype == sums.features.dtype == torch.float32
    assert torch.equal(sums.moments().gram, torch.ones(4, 4))
    assert torch.equal(sums.moments().mean, torch.ones(4))


def test_guided_moments_are_those_of_the_region_alone() -> None:
    features = random(1, 6, 5, 7)
    left = torch.zeros(1, 1, 5, 7, dtype=torch.float64)
    left[..., :3] = 1.0
    guided, alone = moments_of(features, left), moments_of(features[..., :3])
    assert torch.allclose(guided.gram, alone.gram)
    assert torch.allclose(guided.mean, alone.mean)


def test_the_sums_of_tiles_add_up_to_those_of_the_whole() -> None:
    features, guide = random(1, 6, 5, 7), random(1, 1, 5, 7, seed=1).square()
    parts = [position_sums(features[..., at], guide[..., at]) for at in (slice(3), slice(3, 7))]
    added, whole = (parts[0] + parts[1]).moments(), moments_of(features, guide)
    assert torch.allclose(added.gram, whole.gram)
    assert torch.allclose(added.mean, whole.mean)


def test_a_gram_target_is_the_scaled_squared_distance() -> None:
    target = GramTarget(torch.tensor([[3.0]]), torch.tensor(0.5))
    value, gradient = target.loss(Moments(torch.tensor([0.0]), torch.tensor([[1.0]])))
    assert value.item() == 0.5 * (1 - 3) ** 2
    assert gradient.gram.item() == 0.5 * 2 * (1 - 3)
    assert gradient.mean is None
    assert target.blank_loss().item() == 0.5 * 3**2


def test_a_moments_target_is_half_of_each_relative_squared_distance() -> None:
    target = MomentsTarget.from_moments(
        Moments(torch.tensor([2.0]), torch.tensor([[5.0]]))
    )  # variance 1
    found = Moments(torch.tensor([3.0]), torch.tensor([[13.0]]))  # variance 4
    value, gradient = target.loss(found)
    of_mean, of_covariance = (3 - 2) / 2**2, (4 - 1) / 1**2
    assert value.item() == pytest.approx(0.5 * 1 / 2**2 + 0.5 * 9 / 1**2)
    assert gradient.gram.item() == pytest.approx(of_covariance)
    assert gradient.mean is not None
    # The covariance falls by 2μ where the mean rises and the Gram matrix does not.
    assert gradient.mean.item() == pytest.approx(of_mean - 2 * 3 * of_covariance)


def test_blank_features_have_the_full_loss() -> None:
    target = MomentsTarget.from_moments(moments_of(random(1, 6, 5, 7)))
    nothing = Moments(torch.zeros(6).double(), torch.zeros(6, 6).double())
    assert target.blank_loss().item() == pytest.approx(1.0)
    assert target.loss(nothing)[0].item() == pytest.approx(1.0)


def test_a_centred_mean_is_compared_relative_to_the_original_mean() -> None:
    features = random(1, 6, 5, 7) + 3.0
    whole, centred = (
        MomentsTarget.from_moments(moments_of(features)),
        MomentsTarget.from_moments(moments_of(features - 3.0), centre=3.0),
    )
    found = random(1, 6, 5, 7, seed=1) + 2.0
    value, _ = whole.loss(moments_of(found))
    assert centred.loss(moments_of(found - 3.0))[0].item() == pytest.approx(value.item())


def test_the_covariance_of_a_plain_style_image_has_a_minimum_size() -> None:
    """It is 0: without a minimum, any texture would have an infinite loss."""
    target = MomentsTarget.from_moments(moments_of(torch.full((1, 4, 3, 3), 2.0)))
    squared_mean = 4 * 2.0**2
    assert target.covariance_scale.item() == pytest.approx(1 / (MIN_COVARIANCE * squared_mean) ** 2)
    assert torch.isfinite(target.loss(moments_of(random(1, 4, 3, 3).float()))[0])


STYLE = moments_of(random(1, 6, 5, 7, seed=1))
TARGETS: list[StyleStatisticTarget] = [
    GramTarget(STYLE.gram, torch.tensor(0.3).double()),
    MomentsTarget.from_moments(STYLE),
]
GUIDE = random(1, 1, 5, 7, seed=3).square()


@pytest.mark.parametrize("target", TARGETS, ids=["gram", "moments"])
@pytest.mark.parametrize("guide", [None, GUIDE], ids=["everywhere", "guided"])
def test_the_gradient_at_the_features_is_the_value_s_derivative(
    target: StyleStatisticTarget, guide: Tensor | None
) -> None:
    at = random(1, 6, 5, 7).requires_grad_(True)
    sums = position_sums(at, guide)
    value, gradient = target.loss(sums.moments())
    (derivative,) = torch.autograd.grad(value, at)
    found = feature_gradient(at, gradient * (1.0 / sums.count), guide)
    assert torch.allclose(found, derivative, rtol=1e-10, atol=1e-12)


def test_gradients_of_several_targets_add_up() -> None:
    at = random(1, 6, 5, 7)
    gradients = [target.loss(moments_of(at))[1] for target in TARGETS]
    apart = [feature_gradient(at, each) for each in gradients]
    assert torch.allclose(feature_gradient(at, gradients[0] + gradients[1]), apart[0] + apart[1])
    assert (gradients[0] + gradients[0]).mean is None


def test_a_gradient_by_hand() -> None:
    """At a position it is 2 P f + p, with P at the Gram matrix and p at the mean."""
    gradient = MomentsGradient(torch.tensor([1.0, 0.0]).double(), torch.eye(2).double())
    expected = torch.tensor([[[[2 * 1.0 + 1, 2 * 2.0 + 1]], [[2 * 3.0, 2 * 5.0]]]]).double()
    assert torch.equal(feature_gradient(FEATURES, gradient), expected)


def test_gram_matrices_are_blended_by_their_shares() -> None:
    other = moments_of(random(1, 6, 5, 7, seed=2))
    mixed = blend_moments([STYLE, other], [0.25, 0.75], "gram")
    assert torch.allclose(mixed.gram, 0.25 * STYLE.gram + 0.75 * other.gram)


def test_means_and_covariances_are_blended_separately() -> None:
    """Two plain images of different colours blend to a plain one, with no covariance."""
    dark, light = (moments_of(torch.full((1, 2, 3, 3), level)) for level in (1.0, 3.0))
    mixed = blend_moments([dark, light], [0.5, 0.5], "moments")
    assert torch.equal(mixed.mean, torch.full((2,), 2.0))
    assert torch.equal(mixed.covariance, torch.zeros(2, 2))
    assert not torch.equal(
        blend_moments([dark, light], [0.5, 0.5], "gram").covariance, mixed.covariance
    )


def test_a_target_of_nothing_gives_finite_losses() -> None:
    nothing = moments_of(torch.zeros(1, 4, 3, 3))
    targets: list[StyleStatisticTarget] = [MomentsTarget.from_moments(nothing)]
    targets += [GramTarget(nothing.gram, each.style(nothing.gram)) for each in SCALINGS.values()]
    for target in targets:
        value, gradient = target.loss(nothing)
        assert value.item() == 0
        assert torch.isfinite(gradient.gram).all()
        assert isinstance(target, GramTarget) or gradient.mean is not None


def test_the_closest_moments_are_the_target_s_own() -> None:
    target = MomentsTarget.from_moments(STYLE)
    assert isinstance(target, MomentsTarget)
    value, gradient = target.loss(STYLE)
    assert value.item() == 0
    assert gradient.mean is not None
    assert not gradient.mean.any()
    assert not gradient.gram.any()
