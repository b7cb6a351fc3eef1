"""Adam as a value, like `pastiche.engine.lbfgs`: `state.step(value, gradient) → state`.

Kingma, Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), algorithm 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

DECAYS = (0.9, 0.99)
"""β₁ and β₂. The second is shorter than the paper's 0.999: a picture changes quickly."""

EPSILON = 1e-8

AVERAGE_DECAY = 0.99
"""The decay of the average of the iterates."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the optimiser; N is the number of variables.

    Adam's steps are about as long at the end as at the beginning, so its last iterate oscillates
    around the minimum; the average of its iterates does not (Polyak, Juditsky 1992).

    Attributes:
        position: (N), where the objective is to be evaluated next.
        last: (N), the last point where it was finite.
        average: (N), the exponentially weighted sum of these points, biased towards 0.
        mean: (N), the gradient's running mean m.
        square: (N), the running mean v of its square.
        steps: scalar, float32, how many steps went into m and v.
        averaged: scalar, float32, how many points went into the average.
        step_size: how far one step goes, the paper's α.
    """

    position: Tensor
    last: Tensor
    average: Tensor
    mean: Tensor
    square: Tensor
    steps: Tensor
    averaged: Tensor
    step_size: float

    @property
    def accepted(self) -> Tensor:
        """(N), the result so far: the average of the iterates."""
        weight = 1 - AVERAGE_DECAY ** self.averaged.clamp_min(1.0)
        return torch.where(self.averaged > 0, self.average / weight, self.last)

    def copy(self, device: torch.device | None = None) -> "State":
        """A copy in new memory, on another device if one is given."""
        tensors = {
            each.name: getattr(self, each.name).to(device, copy=True)
            for each in fields(self)
            if each.name != "step_size"
        }
        return replace(self, **tensors)

    def reset(self) -> "State":
        """A new state at the result so far, without the running means, for another objective."""
        return begin(self.accepted, self.step_size)

    def resize(self, position: Tensor, enlarge: Callable[[Tensor], Tensor]) -> "State":
        """The state at the beginning of a larger scale, with the moments carried over.

        The objective is a mean over the picture, so the gradient of each pixel shrinks as the
        number of pixels grows.

        Args:
            position: (N'), where the larger picture begins.
            enlarge: (N) → (N'), enlarges a picture by weights that are not negative. With negative
                weights the mean square could be 0 where the mean is not, and the next step would
                have no limit.
        """
        share = self.position.numel() / position.numel()
        return replace(
            begin(position, self.step_size),
            mean=share * enlarge(self.mean),
            square=share**2 * enlarge(self.square),
            steps=self.steps,
        )

    def step(self, value: Tensor, gradient: Tensor) -> "State":
        """The next state, given the objective's value (scalar) and gradient (N) at `position`.

        Where either is not finite, the next state is at the last good point, with the running
        means reset.
        """
        is_good = torch.isfinite(value) & torch.isfinite(gradient.sum())
        first, second = DECAYS
        gradient = torch.where(is_good, gradient, 0.0)
        mean = torch.where(is_good, torch.lerp(gradient, self.mean, first), 0.0)  # m_t
        square = torch.where(
            is_good, torch.lerp(gradient.square(), self.square, second), 0.0
        )  # v_t
        steps = torch.where(is_good, self.steps + 1, 0.0)
        step_count = steps.clamp_min(1.0)
        unbiased = mean / (1 - first**step_count)
        deviation = (square / (1 - second**step_count)).sqrt()
        last = torch.where(is_good, self.position, self.last)
        average = torch.lerp(last, self.average, AVERAGE_DECAY)
        return replace(
            self,
            position=last - self.step_size * unbiased / (deviation + EPSILON),
            last=last,
            average=torch.where(is_good, average, self.average),
            mean=mean,
            square=square,
            steps=steps,
            averaged=torch.where(is_good, self.averaged + 1, self.averaged),
        )


def begin(position: Tensor, step_size: float) -> State:
    """The state before the first evaluation at `position`, (N) in float32 or float64."""
    return State(
        position=position,
        last=position.clone(),  # a recorded iteration overwrites each tensor by itself
        average=torch.zeros_like(position),
        mean=torch.zeros_like(position),
        square=torch.zeros_like(position),
        steps=position.new_zeros(()),
        averaged=position.new_zeros(()),
        step_size=step_size,
    )
