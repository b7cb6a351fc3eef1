"""Neural style transfer as tools usually implement it, for comparison with the engine.

It uses float32, contiguous tensors, one scale, autograd for every loss (`pastiche.engine.plain`),
and `torch.optim.LBFGS` without a line search, with a history of 100. It minimises the same
objective as the engine, from the same start.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pastiche.engine import plain
from pastiche.engine.losses import GramTarget, StyleStatisticTarget
from pastiche.engine.objective import Objective
from pastiche.engine.plain import Convolution, Moments, Problem

HISTORY = 100


def plain_problem(objective: Objective) -> Problem:
    """The same problem for `plain`, for one style, and default options except for its statistic."""
    network, targets, weights = objective.backbone, objective.targets, objective.weights
    convolutions = {
        layer: Convolution(each.weight.contiguous(), each.bias, each.padding_value, each.threshold)
        for layer, each in network.convolutions.items()
    }
    content_weights = {
        target.layer: (weight * target.scale * target.energy).item()
        for target, weight in zip(targets.contents, weights.contents, strict=True)
    }
    return Problem(
        network=replace(network, convolutions=convolutions),
        content={target.layer: target.features for target in targets.contents},
        styles=[{target.layer: _moments(target.statistics[0]) for target in targets.styles}],
        content_weights=content_weights,
        style_weights={
            target.layer: weight.item()
            for target, (weight,) in zip(targets.styles, weights.styles, strict=True)
        },
        tv_weight=weights.tv.item(),
        gamut_weight=weights.gamut.item(),
        statistic="gram" if isinstance(targets.styles[0].statistics[0], GramTarget) else "moments",
        palette=targets.palette,
    )


def minimise(problem: Problem, start: Tensor) -> Iterator[Tensor]:
    """Yields the picture after each evaluation, (1, 3, H, W). It never ends."""
    x = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [x], lr=1.0, max_iter=1, history_size=HISTORY, tolerance_grad=-1, tolerance_change=-1
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = plain.objective(x, problem)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        return loss

    while True:
        optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch has no types for it
        yield x.detach()


def _moments(target: StyleStatisticTarget) -> Moments:
    if isinstance(target, GramTarget):
        return Moments(target.gram.new_zeros(len(target.gram)), target.gram)
    return Moments(target.mean, target.covariance + torch.outer(target.mean, target.mean))
