"""Which optimiser moves the pixels."""

from collections.abc import Callable

from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.options import Options

State = lbfgs.State | adam.State
"""Where an optimiser stands: `state.step(value, gradient)` is the next one."""


def begin(
    position: Tensor,
    options: Options,
    history: int,
    axes: Tensor,
    carried: adam.State | None = None,
    resize: Callable[[Tensor], Tensor] = lambda image: image,
) -> State:
    """The state before the first evaluation at `position`, (3·H·W).

    Args:
        history, axes: of L-BFGS.
        carried: Adam's state at the end of the scale before; L-BFGS carries nothing over, since its
            pairs are of a picture of another size.
        resize: how a picture of that scale is enlarged to this one.
    """
    if carried is not None:
        return carried.resized(position, resize)
    if options.optimiser == "adam":
        return adam.begin(position, options.adam_step)
    return lbfgs.begin(position, history, axes)


def carried_over(state: State) -> adam.State | None:
    """What of a scale's last state the next one begins with."""
    return state if isinstance(state, adam.State) else None
