"""Painting where memory is short: in tiles, from the beginning or from where it ran out."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine import evaluator
from pastiche.engine.evaluation import evaluate
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Evaluation, Objective
from pastiche.engine.stylize import paint
from pastiche.memory import SMALLEST_TILE
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

Evaluate = Callable[[Sequence[Objective], Tensor, int | None, Callable[[], None]], list[Evaluation]]


def painted(memory: int | None = None) -> Tensor:
    painting = paint(INPUTS, SHALLOW, memory=memory)
    while True:
        try:
            next(painting)
        except StopIteration as end:
            picture: Tensor = end.value
            return picture


def recorded(monkeypatch: pytest.MonkeyPatch, instead: Evaluate = evaluate) -> list[int | None]:
    """The tiles of each evaluation, from here on."""
    sides: list[int | None] = []

    def spy(
        objectives: Sequence[Objective],
        images: Tensor,
        tile_side: int | None,
        between_tiles: Callable[[], None],
    ) -> list[Evaluation]:
        sides.append(tile_side)
        return instead(objectives, images, tile_side, between_tiles)

    monkeypatch.setattr(evaluator, "evaluate", spy)
    return sides


def test_with_little_memory_it_is_the_same_picture_in_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = painted()
    sides = recorded(monkeypatch)
    tiled = painted(memory=160_000_000)
    assert sides == 3 * [None] + 3 * [128]
    assert (tiled - whole).abs().mean().item() < 2e-3


def short_of_memory(error: Exception, most: int) -> Evaluate:
    """An evaluation that fails with this error where a tile is larger than `most` pixels."""

    def failing(
        objectives: Sequence[Objective],
        images: Tensor,
        tile_side: int | None,
        between_tiles: Callable[[], None],
    ) -> list[Evaluation]:
        if max(images.shape[-2:]) > most and (tile_side is None or tile_side > most):
            raise error
        return evaluate(objectives, images, tile_side, between_tiles)

    return failing


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_where_memory_runs_out_it_goes_on_with_smaller_tiles(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = painted()
    sides = recorded(monkeypatch, short_of_memory(error, 200))
    tiled = painted()
    assert sides == 3 * [None] + [None] + 3 * [160]
    assert (tiled - whole).abs().mean().item() < 2e-3


def test_the_smallest_tiles_are_tried_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory.")
    sides = recorded(monkeypatch, short_of_memory(error, SMALLEST_TILE))
    painted()
    assert sides[-1] == SMALLEST_TILE


def test_where_not_even_small_tiles_help_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch, short_of_memory(torch.OutOfMemoryError("CUDA out of memory."), 20))
    with pytest.raises(MemoryError, match="smallest tiles"):
        painted()


def test_other_errors_are_not_mistaken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch, short_of_memory(RuntimeError("shapes do not match"), 20))
    with pytest.raises(RuntimeError, match="shapes"):
        painted()
