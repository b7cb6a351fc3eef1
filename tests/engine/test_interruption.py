"""The preparation of a run can be interrupted at any step."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from pastiche import Options
from pastiche.engine.inputs import Inputs
from pastiche.engine.interruption import check_interruption, interruptible
from pastiche.engine.prepared import PreparedInputs, PreparedInputsCache
from pastiche.engine.run import Run
from pastiche.options import Optimiser
from tests.engine.pictures import CONTENT, STYLE

pytestmark = pytest.mark.usefixtures("thin_backbone")

QUICK = Options(size=32, scales=1, iterations=1, backbone="whitened")


class Ended(Exception):
    """Raised from outside."""


class Check:
    """Raises at the call with the number `last`."""

    def __init__(self, last: int | None = None) -> None:
        self.calls, self.last = 0, last

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.last:
            raise Ended


def prepare(check: Callable[[], None], cache: PreparedInputsCache | None = None) -> None:
    """Runs everything up to and including the first iteration."""
    Run(Inputs(CONTENT, (STYLE,)), QUICK, check=check, cache=cache).step()


def test_the_check_is_called_for_each_layer_that_is_fitted_and_evaluated() -> None:
    whole, cached, cache = Check(), Check(), PreparedInputsCache()
    prepare(whole, cache)
    prepare(cached, cache)
    layers = 13  # up to relu5_1
    assert whole.calls - cached.calls > 8 * layers
    assert cached.calls > layers  # of the content image and of the first evaluation


@pytest.mark.parametrize("step", [1, 2, 30, 90, 150])
def test_an_exception_of_the_check_ends_the_preparation_at_any_step(step: int) -> None:
    with pytest.raises(Ended):
        prepare(Check(step))


def test_an_interrupted_preparation_is_not_cached() -> None:
    cache = PreparedInputsCache()
    with pytest.raises(Ended):
        prepare(Check(20), cache)
    prepare(Check(), cache)


def test_an_interrupted_iteration_leaves_the_run_as_it_was() -> None:
    check = Check()
    run = Run(Inputs(CONTENT, (STYLE,)), QUICK, check=check)
    before = run.picture()
    check.last = check.calls + 20  # in the first evaluation
    with pytest.raises(Ended):
        run.step()
    assert torch.equal(run.picture(), before)
    assert run.step().iteration == 1


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_change_of_scale_leaves_the_run_as_it_was(
    optimiser: Optimiser, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, size=64, scales=4, scale_iterations=(2, 2), optimiser=optimiser)
    uninterrupted, run = (Run(Inputs(CONTENT, (STYLE,)), options) for _ in range(2))
    run.step()
    assert run.step().scale == 1
    before = run.picture()

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(PreparedInputs, "enlarge", fail)
        with pytest.raises(error):
            run.step()
    assert torch.equal(run.picture(), before)
    assert run.checkpoint().place.iteration == 2
    assert [progress.iteration for progress in run] == [3, 4]
    for _ in uninterrupted:
        pass
    assert torch.equal(run.picture(), uninterrupted.picture())


def test_outside_of_the_context_nothing_is_checked() -> None:
    check = Check(1)
    with interruptible(check):
        pass
    check_interruption()
    assert check.calls == 0
