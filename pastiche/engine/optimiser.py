"""Which optimiser moves the pixels."""

from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.options import Options

State = lbfgs.State | adam.State
"""Where an optimiser stands: `state.step(value, gradient)` is the next one."""


def begin(position: Tensor, options: Options, history: int, axes: Tensor) -> State:
    """The state before the first evaluation at `position`, (3·H·W).

    Args:
        history, axes: of L-BFGS.
    """
    if options.optimiser == "adam":
        return adam.begin(position, options.adam_step)
    return lbfgs.begin(position, history, axes)
