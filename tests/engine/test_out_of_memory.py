"""Runs with little memory: in tiles from the beginning, or once memory has run out."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine.backbone import Backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.run import Run
from pastiche.memory_budget import MIN_TILE_SIDE, TooLarge
from tests.engine.pictures import textured

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("thin_backbone")]

INPUTS = Inputs(textured(192, 256, 1), (textured(180, 200, 2),))
SHALLOW = Options(
    size=320,
    scale_iterations=(3, 3),
    style_layers={"relu1_1": 1.0, "relu2_1": 1.0},
    content_layers={"relu2_1": 1.0},
    precision="float32",
    backbone="whitened",
)
"""A network of three layers, so that a tile of 128 pixels is a part of the picture."""

HALO = 2 * 16
"""What its network sees around a tile, on both sides together."""


class Network:
    """Records the longest side of each image that the network sees while a picture is evaluated,
    and may run out of memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception, limit: int) -> None:
        self.sides: list[int] = []
        features = Backbone.features

        def counted(network: Backbone, image: Tensor, layers: object) -> object:
            side = max(image.shape[-2:])
            if image.requires_grad:
                self.sides.append(side)
                if side > limit:
                    raise error
            return features(network, image, layers)  # type: ignore[arg-type]

        monkeypatch.setattr(Backbone, "features", counted)


OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory.")


def painted(memory_bytes: int | None = None) -> Tensor:
    run = Run(INPUTS, SHALLOW, memory_bytes=memory_bytes)
    for _ in run:
        pass
    return run.picture()


def test_with_little_memory_it_is_the_same_picture_in_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = painted()
    network = Network(monkeypatch, OUT_OF_MEMORY, 1000)
    tiled = painted(memory_bytes=160_000_000)
    assert network.sides[:3] == 3 * [160]  # the coarse scale, as a whole
    assert max(network.sides[3:]) <= 128 + HALO
    assert (tiled - whole).abs().mean().item() < 2e-3


@pytest.mark.parametrize(
    "error",
    [
        OUT_OF_MEMORY,
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_if_memory_runs_out_it_continues_with_smaller_tiles(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = painted()
    network = Network(monkeypatch, error, 250)
    tiled = painted()
    assert network.sides[3] == 320  # tried once as a whole
    assert max(network.sides[4:]) <= 160 + HALO
    assert (tiled - whole).abs().mean().item() < 2e-3


def test_the_smallest_tiles_are_tried_before_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, OUT_OF_MEMORY, MIN_TILE_SIDE + HALO)
    painted()
    assert max(network.sides[-4:]) <= MIN_TILE_SIDE + HALO


def test_it_fails_if_even_the_smallest_tiles_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    Network(monkeypatch, OUT_OF_MEMORY, 20)
    with pytest.raises(MemoryError, match="smallest tiles"):
        painted()


def test_other_errors_are_not_mistaken_for_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Network(monkeypatch, RuntimeError("shapes do not match"), 20)
    with pytest.raises(RuntimeError, match="shapes"):
        painted()


def test_a_picture_that_does_not_fit_at_full_size_is_refused_at_the_start() -> None:
    large = replace(SHALLOW, size=4096)
    with pytest.raises(TooLarge):
        Run(INPUTS, large, memory_bytes=60_000_000)
