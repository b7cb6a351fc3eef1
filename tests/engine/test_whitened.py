"""The backbone that is fitted to the job's own images."""

import pytest
import torch
from torch import Tensor

from pastiche.engine.backbone import CHANNELS, STYLE_LAYERS
from pastiche.engine.whitened import Whitened


def textured(height: int, width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


CONTENT, STYLE = textured(96, 128, 1), textured(80, 100, 2)


def test_it_has_every_layer_in_vgg_s_shape() -> None:
    network = Whitened().network(CONTENT, STYLE)
    shapes = {layer: tuple(each.weight.shape) for layer, each in network.convolutions.items()}
    assert shapes == {layer: (out, into, 3, 3) for layer, (into, out) in CHANNELS.items()}


def test_the_same_images_give_the_same_bytes() -> None:
    one, other = (Whitened().network(CONTENT, STYLE) for _ in range(2))
    for layer in CHANNELS:
        assert torch.equal(one.convolutions[layer].weight, other.convolutions[layer].weight)


def test_its_feature_maps_are_about_1_on_the_mean() -> None:
    """The Gram matrices' centre rests on it."""
    network = Whitened().network(CONTENT, STYLE)
    for layer, features in network.features(CONTENT).items():
        assert 0.3 < features.mean().item() < 3.0, layer


def test_it_tells_one_style_from_another() -> None:
    network = Whitened().network(CONTENT, STYLE)
    content, style = network.features(CONTENT), network.features(STYLE)
    for layer in STYLE_LAYERS:
        one, other = (each[layer].mean(dim=(0, 2, 3)) for each in (content, style))
        assert torch.dist(one, other).item() > 1.0


@pytest.mark.parametrize(
    ("content", "style"),
    [
        pytest.param(torch.full((1, 3, 64, 64), 0.5), STYLE, id="plain content"),
        pytest.param(CONTENT, torch.zeros(1, 3, 64, 64), id="black style"),
        pytest.param(torch.ones(1, 3, 32, 32), torch.ones(1, 3, 32, 32), id="both white"),
        pytest.param(textured(16, 16, 3), textured(16, 16, 4), id="16 pixels"),
        pytest.param(textured(16, 320, 3), textured(320, 16, 4), id="20 to 1"),
    ],
)
def test_images_with_little_in_them_give_finite_filters(content: Tensor, style: Tensor) -> None:
    network = Whitened().network(content, style)
    for convolution in network.convolutions.values():
        assert torch.isfinite(convolution.weight).all()
        assert torch.isfinite(convolution.bias).all()
