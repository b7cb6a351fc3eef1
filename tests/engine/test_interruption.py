"""Preparations that are ended from outside, wherever they are."""

from collections.abc import Callable

import pytest

from pastiche import Options
from pastiche.engine.inputs import Inputs
from pastiche.engine.interruption import check_interruption, interruptible
from pastiche.engine.scenes import Scenes
from pastiche.engine.stylize import paint
from tests.engine.pictures import CONTENT, STYLE

pytestmark = pytest.mark.usefixtures("thin_backbone")

QUICK = Options(size=32, scales=1, iterations=1, backbone="whitened")


class Ended(Exception):
    """Raised from outside."""


class Check:
    """Raises when it is called for the `last` time."""

    def __init__(self, last: int | None = None) -> None:
        self.calls, self._last = 0, last

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._last:
            raise Ended


def prepared(check: Callable[[], None], scenes: Scenes | None = None) -> None:
    """Everything up to the first iteration, and that."""
    next(paint(Inputs(CONTENT, (STYLE,)), QUICK, between_tiles=check, scenes=scenes))


def test_the_check_is_called_for_each_layer_that_is_fitted_and_looked_at() -> None:
    whole, known, scenes = Check(), Check(), Scenes()
    prepared(whole, scenes)
    prepared(known, scenes)
    layers = 13  # up to relu5_1
    assert whole.calls - known.calls > 8 * layers
    assert known.calls > 0  # the content image's features are computed again


@pytest.mark.parametrize("step", [1, 2, 30, 90, 150])
def test_an_exception_of_the_check_ends_the_preparation_at_any_step(step: int) -> None:
    with pytest.raises(Ended):
        prepared(Check(step))


def test_what_was_begun_and_ended_is_not_kept() -> None:
    scenes = Scenes()
    with pytest.raises(Ended):
        prepared(Check(20), scenes)
    prepared(Check(), scenes)


def test_outside_of_the_context_nothing_is_checked() -> None:
    check = Check(1)
    with interruptible(check):
        pass
    check_interruption()
    assert check.calls == 0
