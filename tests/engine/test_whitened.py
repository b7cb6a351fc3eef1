"""The backbone that is fitted to the job's own images."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.whitened import MEAN_ACTIVATION, Whitened
from pastiche.network_layers import CHANNELS, STYLE_LAYERS
from pastiche.options import LAYERS, LayerName, Options
from tests.engine.pictures import AWKWARD, CONTENT, STYLE, textured


def fitted_to(*images: Tensor, deepest: LayerName = "relu5_1", **options: Any) -> Backbone:
    return Whitened().network(images, {deepest}, Options(**options))


@pytest.fixture(scope="module")
def network() -> Backbone:
    """A network fitted to the content image and the style image."""
    return fitted_to(CONTENT, STYLE)


def test_it_has_every_layer_in_vgg_s_shape(network: Backbone) -> None:
    shapes = {layer: tuple(each.weight.shape) for layer, each in network.convolutions.items()}
    expected = {layer: (out, into, 3, 3) for layer, (into, out) in CHANNELS.items()}
    assert shapes == {layer: expected[layer] for layer in LAYERS[:13]}


def test_it_is_fitted_only_down_to_the_deepest_layer() -> None:
    assert list(fitted_to(CONTENT, STYLE, deepest="relu2_1").convolutions) == list(LAYERS[:3])


def test_it_is_fitted_to_every_image_that_it_is_given(network: Backbone) -> None:
    of_three = fitted_to(CONTENT, STYLE, textured(64, 64, 3), deepest="relu1_1")
    first = [each.convolutions["relu1_1"].weight for each in (network, of_three)]
    assert not torch.equal(*first)


@pytest.mark.parametrize("options", [{"pooling": "max"}, {"padding": "reflect"}])
def test_it_is_fitted_with_the_options_of_the_run(options: dict[str, Any]) -> None:
    """Otherwise its activations would not have the intended mean."""
    network = fitted_to(CONTENT, STYLE, **options)
    for layer, features in network.features(CONTENT, set(STYLE_LAYERS)).items():
        assert 0.3 < features.mean().item() + MEAN_ACTIVATION < 3.0, layer


def test_the_same_images_give_the_same_bytes(network: Backbone) -> None:
    other = fitted_to(CONTENT, STYLE)
    for layer in network.convolutions:
        assert torch.equal(network.convolutions[layer].weight, other.convolutions[layer].weight)


def test_its_feature_maps_are_about_0_on_the_mean(network: Backbone) -> None:
    """Otherwise their common mean would make up most of the Gram matrices."""
    for layer, features in network.features(CONTENT, set(LAYERS[:13])).items():
        assert -0.7 < features.mean().item() < 2.0, layer


def test_it_tells_one_style_from_another(network: Backbone) -> None:
    content, style = (
        network.features(CONTENT, set(STYLE_LAYERS)),
        network.features(STYLE, set(STYLE_LAYERS)),
    )
    for layer in STYLE_LAYERS:
        one, other = (each[layer].mean(dim=(0, 2, 3)) for each in (content, style))
        assert torch.dist(one, other).item() > 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("content", "style"), AWKWARD)
def test_plain_and_odd_images_give_finite_filters(content: Tensor, style: Tensor) -> None:
    network = fitted_to(content, style)
    for convolution in network.convolutions.values():
        assert torch.isfinite(convolution.weight).all()
        assert torch.isfinite(convolution.bias).all()
