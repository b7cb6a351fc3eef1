"""Several pastiches of the same images, painted together."""

from dataclasses import replace

import pytest
import torch

from pastiche import Options, stylize
from pastiche.engine.inputs import Inputs
from pastiche.engine.stylize import paint_together
from pastiche.options import OptionError
from tests.engine.pictures import CONTENT, STYLE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("thin_backbone")]

PAIR = Inputs(CONTENT, (STYLE,))
ONE = Options(size=64, scale_iterations=(6, 4), precision="float32", backbone="whitened")
"""Before rounding has grown: L-BFGS makes a difference of 1e-6 one of several grey levels."""


def painted(*several: Options) -> list[torch.Tensor]:
    painting = paint_together(PAIR, several)
    while True:
        try:
            next(painting)
        except StopIteration as end:
            pictures: list[torch.Tensor] = end.value
            return pictures


def test_each_is_the_picture_that_it_would_be_alone() -> None:
    several = [replace(ONE, content_weight=weight, seed=3) for weight in (0.1, 0.5, 0.9)]
    for together, options in zip(painted(*several), several, strict=True):
        alone = stylize(CONTENT, STYLE, options)
        assert (together - alone).abs().mean().item() < 2e-3


def test_they_are_different_pictures() -> None:
    one, other = painted(ONE, replace(ONE, style_weight=0.1))
    assert (one - other).abs().mean().item() > 0.02


def test_each_tells_of_its_own_progress() -> None:
    painting = paint_together(PAIR, [ONE, replace(ONE, content_weight=0.0)])
    first, second = next(painting)
    assert first.iteration == second.iteration == 1
    assert second.losses["content"] == 0 < first.losses["content"]


def test_what_differs_in_more_than_weights_and_seed_is_refused() -> None:
    with pytest.raises(OptionError, match="pooling: must be the same"):
        next(paint_together(PAIR, [ONE, replace(ONE, pooling="max")]))
