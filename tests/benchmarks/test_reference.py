"""The plain implementation that the engine is compared with minimises the same objective."""

import pytest
import torch

from benchmarks.reference import plain_problem
from benchmarks.side_by_side import Loaded
from pastiche import Options
from pastiche.engine import plain
from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.convolution import NetworkPooling
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.options import StyleStatistic
from pastiche.sizes import scales
from tests.engine.networks import random_backbone
from tests.engine.pictures import CONTENT, STYLE


@pytest.mark.parametrize("statistic", ["moments", "gram"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_its_objective_and_gradient_are_the_engine_s(
    statistic: StyleStatistic, pooling: NetworkPooling
) -> None:
    options = Options(size=64, style_statistic=statistic, precision="float32")
    inputs = Inputs(CONTENT, (STYLE,)).checked(options)
    prepared = PreparedInputs.prepare(
        inputs, options, Loaded(random_backbone(pooling=pooling, thinner=8))
    )
    *_, full = scales(*prepared.size, options)
    targets = prepared.build_targets(full, options)
    objective = Objective.build(prepared.network, targets, options)
    image = prepared.start(full.size, options).requires_grad_(True)
    loss = plain.objective(image, plain_problem(objective))
    (gradient,) = torch.autograd.grad(loss, image)
    evaluation = evaluate(objective, image)
    assert loss.item() == pytest.approx(evaluation.value.item(), rel=1e-4)
    error = (gradient - evaluation.gradient).norm() / evaluation.gradient.norm()
    assert error.item() < 1e-3
