"""What a recorded iteration must not contain, tested with a fake GPU.

With fake tensors torch computes shapes and devices alone: copies between the CPU and the GPU show,
and reading a value raises an error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from pastiche import Options
from pastiche.engine import adam, lbfgs
from pastiche.engine.checkpoint import State
from pastiche.engine.inputs import Inputs
from pastiche.engine.normalisation import Weights
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.targets import build_targets, extract_style_features
from pastiche.engine.whitened import Whitened
from pastiche.options import Optimiser
from pastiche.sizes import scales
from tests.engine.networks import random_backbone
from tests.engine.pictures import CONTENT, STYLE

pytestmark = pytest.mark.usefixtures("thin_backbone")

CUDA = torch.device("cuda")
SIZE = (48, 64)
NETWORK = random_backbone().centred(0.5)
"""Of real tensors: it is cached, and other tests must not find fake ones in it."""


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Records what copies between devices, or creates a tensor on the CPU.

    And what sets a number (`x[0] = 1.0`): until torch 2.11 at least, it is copied to the GPU.
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
    """What an iteration copies, or creates on the CPU."""
    copies = Copies()
    with torch.no_grad(), copies:
        iterated()
    return copies.found


def test_copies_are_found() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        numbers = torch.zeros(3, device=CUDA)
        assert copied(lambda: numbers.__setitem__(-1, 1.0)) != []
        assert copied(lambda: torch.tensor([1.0], device=CUDA)) != []
        assert copied(lambda: numbers.cpu()) != []


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_an_optimiser_s_step_copies_nothing(name: Optimiser) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        position = torch.rand(3 * 48 * 64, device=CUDA)
        begun: dict[str, State] = {
            "lbfgs": lbfgs.begin(position, 5, torch.eye(3, device=CUDA)),
            "adam": adam.begin(position, 0.02),
        }
        state = begun[name]
        value, gradient = torch.ones((), device=CUDA), torch.rand_like(position)
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
        network = NETWORK.to(CUDA, torch.float32)
        image = torch.rand(1, 3, *SIZE, device=CUDA)
        style = extract_style_features(image, None, network, options)
        targets = build_targets(image, [style], network, options)
        objective = Objective.build(network, targets, options, Weights(1.0, 1.0, 1.0, 1.0))

        def evaluated() -> None:
            features = network.features(image, targets.layers)
            losses = objective.losses(objective.measure(features))
            losses = losses.normalise(objective.gradient_norms(features, losses))
            objective.feature_gradients(features, losses)
            objective.add_pixel_terms(image, torch.zeros_like(image), losses)

        assert copied(evaluated) == []


def test_new_weights_overwrite_the_memory_of_the_old_ones() -> None:
    """A recorded iteration then uses them."""
    options = Options(size=64, backbone="whitened", precision="float32")
    inputs = Inputs(CONTENT, (STYLE,)).checked(options)
    prepared = PreparedInputs.prepare(inputs, options, Whitened())
    (*_, scale) = scales(*prepared.size, options)
    targets = prepared.build_targets(scale, options)
    objective = Objective.build(prepared.network, targets, options)
    before = {each.data_ptr() for each in tensors(objective)}
    changed = replace(options, style_weight=0.05, tv_weight=2.0)
    prepared.update_targets(targets, scale, changed, options)
    objective.update_weights(changed)
    assert {each.data_ptr() for each in tensors(objective)} == before
    targets = prepared.build_targets(scale, changed)
    rebuilt = Objective.build(prepared.network, targets, changed)
    for ours, other in zip(tensors(objective), tensors(rebuilt), strict=True):
        assert torch.equal(ours, other)


def tensors(objective: Objective) -> list[Tensor]:
    """The tensors that change with the weights."""
    weights, palette = objective.weights, objective.targets.palette
    assert palette is not None
    contents = [
        tensor
        for target in objective.targets.contents
        for tensor in (target.features, target.energy, target.scale)
    ]
    styles = [weight for each in weights.styles for weight in each]
    of_weights = [*weights.contents, *styles, *weights.layers, weights.tv, weights.gamut]
    return [*contents, *of_weights, palette.axes, palette.low, palette.high]
