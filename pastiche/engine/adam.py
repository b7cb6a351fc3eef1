"""Adam as a value, like `pastiche.engine.lbfgs`: `state.step(value, gradient) → state`.

Kingma, Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), algorithm 1.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

DECAYS = (0.9, 0.999)
"""β₁ and β₂."""

EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class State:
    """Where the optimiser stands; N is the number of variables.

    Attributes:
        position: (N), where the objective is to be evaluated next.
        accepted: (N), the last point where it was finite.
        mean: (N), the gradient's running mean m.
        square: (N), the running mean v of its square.
        steps: scalar, float32, how many steps went into both.
        step_size: how far one step goes, the paper's α.
    """

    position: Tensor
    accepted: Tensor
    mean: Tensor
    square: Tensor
    steps: Tensor
    step_size: float

    def copy(self, device: torch.device | None = None) -> "State":
        """A state of its own memory, on another device if one is given."""
        tensors = ("position", "accepted", "mean", "square", "steps")
        return replace(
            self, **{name: getattr(self, name).to(device, copy=True) for name in tensors}
        )

    def forget(self) -> "State":
        """The state without its running means: the objective changed."""
        return begin(self.accepted, self.step_size)

    def step(self, value: Tensor, gradient: Tensor) -> "State":
        """The next state, given the objective's value (scalar) and gradient (N) at `position`.

        Where either is not finite the point is given up: back to the last good one, with the
        running means forgotten.
        """
        good = torch.isfinite(value) & torch.isfinite(gradient.sum())
        first, second = DECAYS
        gradient = torch.where(good, gradient, 0.0)
        mean = torch.where(good, torch.lerp(gradient, self.mean, first), 0.0)  # m_t
        square = torch.where(good, torch.lerp(gradient.square(), self.square, second), 0.0)  # v_t
        steps = torch.where(good, self.steps + 1, 0.0)
        counted = steps.clamp_min(1.0)
        unbiased = mean / (1 - first**counted)
        deviation = (square / (1 - second**counted)).sqrt()
        accepted = torch.where(good, self.position, self.accepted)
        return replace(
            self,
            position=accepted - self.step_size * unbiased / (deviation + EPSILON),
            accepted=accepted,
            mean=mean,
            square=square,
            steps=steps,
        )


def begin(position: Tensor, step_size: float) -> State:
    """The state before the first evaluation at `position`, (N) in float32 or float64."""
    return State(
        position=position,
        accepted=position,
        mean=torch.zeros_like(position),
        square=torch.zeros_like(position),
        steps=position.new_zeros(()),
        step_size=step_size,
    )
