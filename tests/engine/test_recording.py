"""What a recorded iteration may not hold, looked for on a card that is not there.

torch reckons with shapes and devices alone where its tensors are fake: what would be copied between
the processor and a card shows, and what would have to be read raises an error.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from pastiche import Options
from pastiche.engine import optimiser
from pastiche.engine.objective import Objective, Weights
from pastiche.engine.targets import Painted, look_at, targets_of
from pastiche.options import Optimiser
from tests.engine.plain import random_backbone

CARD = torch.device("cuda")
SIZE = (48, 64)
NETWORK = random_backbone().centred(0.5)
"""Of real tensors: it is cached, and other tests are to find no fake ones in it."""


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Notes what copies between devices, or makes a tensor on the processor.

    And what sets a number (`x[0] = 1.0`): until torch 2.11 at least, a card has it copied.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor for this
        self.found: list[str] = []

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        result = function(*arguments, **(named or {}))
        results = result if isinstance(result, tuple | list) else [result]
        devices = {each.device.type for each in results if isinstance(each, Tensor)}
        if "copy" in str(function):
            devices |= {each.device.type for each in arguments if isinstance(each, Tensor)}
        if "cpu" in devices or "fill_" in str(function):
            self.found.append(str(function))
        return result


def copied(iterated: Callable[[], object]) -> list[str]:
    """What an iteration copies, or makes where no card is."""
    copies = Copies()
    with torch.no_grad(), copies:
        iterated()
    return copies.found


def test_copies_are_found() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        numbers = torch.zeros(3, device=CARD)
        assert copied(lambda: numbers.__setitem__(-1, 1.0)) != []
        assert copied(lambda: torch.tensor([1.0], device=CARD)) != []
        assert copied(lambda: numbers.cpu()) != []


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_an_optimiser_s_step_copies_nothing(name: Optimiser) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        position = torch.rand(3 * 48 * 64, device=CARD)
        state = optimiser.begin(position, Options(optimiser=name), 5, torch.eye(3, device=CARD))
        value, gradient = torch.ones((), device=CARD), torch.rand_like(position)
        assert copied(lambda: state.step(value, gradient)) == []


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(gradient_normalisation=True),
        Options(normalisation="neural-style", style_statistic="gram"),
    ],
)
def test_an_objective_copies_nothing(options: Options) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = NETWORK.to(CARD, torch.float32)
        image = torch.rand(1, 3, *SIZE, device=CARD)
        looks = look_at([Painted(image)], network, options)
        targets = targets_of(image, looks, network, options)
        objective = Objective(network, targets, Weights(1.0, 1.0, 1.0, 1.0))

        def evaluated() -> None:
            features = network.features(image, targets.layers)
            losses = objective.gradients_at_sums(objective.sums(features))
            losses = losses.divided(objective.gradient_norms(features, losses))
            objective.gradients_at_features(features, losses)
            objective.completed(image, torch.zeros_like(image), losses)

        assert copied(evaluated) == []
