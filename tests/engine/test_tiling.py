"""A picture evaluated in tiles, compared with the same picture as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.tiling import split_image
from pastiche.engine.interruption import interruptible
from pastiche.engine.normalisation import Weights
from pastiche.engine.objective import Objective
from pastiche.engine.targets import build_targets, extract_style_features
from pastiche.network_layers import halo_width, size_at
from pastiche.options import LAYERS, VGG16_LAYERS, LayerName, Options, Padding
from tests.engine.networks import random_backbone

FIVE: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def picture(height: int, width: int, seed: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64)


def objective(
    size: tuple[int, int],
    dtype: torch.dtype = torch.float64,
    *,
    padding: Padding = "replicate",
    masked: bool = False,
    tile_side: int | None = None,
    alpha: float = 18.0,
    layers: Sequence[LayerName] = LAYERS,
    thinner: int = 8,
    **options: object,
) -> Objective:
    """The objective for a picture of this size, with targets computed in tiles of `tile_side`.

    Args:
        layers: that the network has.
    """
    pixels = torch.float64 if dtype == torch.float64 else torch.float32
    network = random_backbone(padding=padding, thinner=thinner).centred(0.5)
    network = network.to(torch.device("cpu"), dtype)
    convolutions = {layer: network.convolutions[layer] for layer in layers}
    network = replace(network, convolutions=convolutions)
    styles = [picture(90, 130, 2).to(pixels), picture(70, 70, 3).to(pixels)]
    chosen = Options(**options)  # type: ignore[arg-type]
    targets = build_targets(
        picture(*size, 1).to(pixels),
        [
            extract_style_features(style, None, network, chosen, tile_side)
            for style in styles[: 1 + masked]
        ],
        network,
        chosen,
        masks=[picture(*size, 4 + each, 1).to(pixels) for each in range(2 * masked)],
        content_map=picture(*size, 6, 1).to(pixels) if masked else None,
        tile_side=tile_side,
    )
    return Objective.build(network, targets, chosen, Weights(alpha, 7.5, 15.0, 1e4))


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_the_halo_is_what_the_deepest_layer_sees() -> None:
    assert halo_width(FIVE) == 80  # 156 pixels are seen by a position that is 16 wide: 70 each side
    assert halo_width(["relu4_1"]) == 32
    assert halo_width(["relu1_1"]) == 16


@pytest.mark.parametrize("size", [(221, 317), (96, 97), (113, 96), (40, 500), (9, 200)])
def test_every_position_of_every_layer_belongs_to_one_tile(size: tuple[int, int]) -> None:
    for layer in LAYERS:
        owners = torch.zeros(1, 1, *size_at(layer, *size))
        for tile in split_image(size, 96, FIVE):
            tile.crop(owners, layer).add_(1)
        assert (owners == 1).all()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="as it is by default"),
        pytest.param({"padding": "zeros"}, id="edges of zeros"),
        pytest.param({"padding": "reflect"}, id="mirrored edges"),
        pytest.param({"masked": True}, id="regions, and a map of the content"),
        pytest.param({"gradient_normalisation": True}, id="normalised gradients"),
        pytest.param({"style_layers": {"relu2_2": 1.0}}, id="shallow layers"),
        pytest.param({"layers": VGG16_LAYERS}, id="VGG-16"),
        pytest.param(
            {"layers": VGG16_LAYERS, "style_layers": {"relu5_3": 1.0}}, id="VGG-16's deepest layer"
        ),
    ],
)
def test_in_tiles_value_and_gradient_are_those_of_the_whole(options: dict[str, object]) -> None:
    size, image = (133, 202), 1.2 * picture(133, 202, 7) - 0.1
    whole = evaluate(objective(size, **options), image)  # type: ignore[arg-type]
    tiled = evaluate(objective(size, tile_side=48, **options), image, 48)  # type: ignore[arg-type]
    assert tiled.value.item() == pytest.approx(whole.value.item(), rel=1e-12)
    assert distance(tiled.gradient, whole.gradient) < 1e-12


@pytest.mark.parametrize(
    ("size", "side"),
    [((221, 317), 96), ((97, 97), 96), ((96, 111), 48), ((64, 200), 16), ((240, 24), 32)],
)
def test_in_tiles_they_are_those_of_the_whole_for_any_size(
    size: tuple[int, int], side: int
) -> None:
    image, both = picture(*size, 7), objective(size)
    whole, tiled = evaluate(both, image), evaluate(both, image, side)
    assert tiled.value.item() == pytest.approx(whole.value.item(), rel=1e-12)
    assert distance(tiled.gradient, whole.gradient) < 1e-12


@pytest.mark.slow
def test_in_float32_they_are_those_of_the_whole_to_rounding() -> None:
    """The convolutions round differently, so ReLU may set a feature close to 0 to 0 in one and not
    in the other. This changes a gradient by more than rounding."""
    image, both = picture(97, 120, 7).float(), objective((97, 120), torch.float32, thinner=1)
    whole, tiled = evaluate(both, image), evaluate(both, image, 48)
    assert tiled.value.item() == pytest.approx(whole.value.item(), rel=1e-5)
    assert distance(tiled.gradient, whole.gradient) < 1e-2


def test_an_evaluation_in_tiles_can_be_interrupted() -> None:
    checks = []

    def check() -> None:
        checks.append(True)
        if len(checks) == 60:  # in the third of four tiles
            raise KeyboardInterrupt

    evaluated = objective((64, 64))
    with interruptible(check), pytest.raises(KeyboardInterrupt):
        evaluate(evaluated, picture(64, 64, 7), 32)
