"""Neural style transfer as tools usually have it, to be measured against.

float32, contiguous, one scale, every loss left to automatic differentiation, and
`torch.optim.LBFGS` without a line search, with a history of 100. It minimises the very objective
that the engine does, from the same start.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import POOLED_BEFORE
from pastiche.engine.losses import GramTarget, StyleStatisticTarget
from pastiche.engine.objective import Objective
from pastiche.options import LayerName

HISTORY = 100


@dataclass(frozen=True)
class Reference:
    """The plain implementation of an objective of one style, by default in everything."""

    objective: Objective

    def run(self, start: Tensor) -> Iterator[Tensor]:
        """The picture after each evaluation, (1, 3, H, W); without end."""
        x = start.clone().requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [x], lr=1.0, max_iter=1, history_size=HISTORY, tolerance_grad=-1, tolerance_change=-1
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.loss(x)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        while True:
            optimiser.step(closure)  # type: ignore[no-untyped-call]
            yield x.detach()

    def loss(self, x: Tensor) -> Tensor:
        """α·content + β·style + γ·total variation + gamut."""
        weights, targets = self.objective.weights, self.objective.targets
        features = self._features(x)
        content = x.new_zeros(())
        for target in targets.contents:
            squares = (features[target.layer] - target.features).square().sum()
            content = content + target.share * target.scale * squares
        style = x.new_zeros(())
        for painted in targets.regions[0].styles:
            style = style + painted.share * _distance(features[painted.layer], painted.statistic)
        down, across = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
        variation = down.square().mean() + across.square().mean()
        return (
            weights.content * content
            + weights.style * style
            + weights.tv * variation
            + weights.gamut * self._outside(x)
        )

    def _features(self, x: Tensor) -> dict[LayerName, Tensor]:
        network, found = self.objective.backbone, {}
        pool = F.max_pool2d if network.pooling == "max" else F.avg_pool2d
        x = x - x.new_tensor(network.mean).view(1, 3, 1, 1)
        for layer, convolution in network.convolutions.items():
            if layer in POOLED_BEFORE:
                x = pool(x, 2)
            weight = convolution.weight.contiguous()
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, convolution.bias)
            x = F.threshold(x, convolution.floor, convolution.floor)
            if layer in self.objective.targets.layers:
                found[layer] = x
        return found

    def _outside(self, x: Tensor) -> Tensor:
        excess = (x - x.clamp(0, 1)).square().mean()
        palette = self.objective.targets.palette
        if palette is None:
            return excess
        places = palette.axes @ x[0].flatten(1)
        return excess + (places - places.clamp(palette.low, palette.high)).square().mean()


def _distance(features: Tensor, target: StyleStatisticTarget) -> Tensor:
    """A layer's share of the style loss, from its feature map, (1, C, H, W)."""
    rows = features.flatten(2)[0]  # (C, H·W)
    gram = rows @ rows.T / rows.shape[1]
    if isinstance(target, GramTarget):
        return target.scale * (gram - target.gram).square().sum()
    mean = rows.mean(dim=1)
    covariance = gram - torch.outer(mean, mean)
    of_mean = target.mean_scale * (mean - target.mean).square().sum()
    of_covariance = target.covariance_scale * (covariance - target.covariance).square().sum()
    return 0.5 * (of_mean + of_covariance)
