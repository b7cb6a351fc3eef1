"""L-BFGS as a value: `state.step(value, gradient) → state`, one evaluation an iteration.

Nocedal, Wright, *Numerical Optimization*, algorithm 7.4 (two-loop recursion) and section 7.2; the
recursion on coefficients of a basis is that of Chen, Wang, Zhou, "Large-scale L-BFGS using
MapReduce" (NIPS 2014). No line search: its evaluations buy less here than another step does.

Nothing here waits for the device: every decision is a `torch.where`.
"""

from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

FIRST_STEP = 0.01
"""How far, as a root mean square over the variable, a step along the plain gradient goes."""

LONGEST_STEP = 0.1
"""How far any step goes at most, as a root mean square over the variable."""

WORSE = 2.0
"""A step that multiplies the objective by more than this is taken back."""

LEAST_CURVATURE = 1e-10
"""A pair is kept where sᵀy is above this share of yᵀy: below it is rounding."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the optimiser stands. N is the number of variables, m the history's length.

    A state that was stepped is spent: the next one uses the memory of its history again. What is
    to be kept is copied with `copy`.

    Attributes:
        position: (N), where the objective is to be evaluated next.
        accepted: (N), the last point that was kept.
        value: scalar, the objective there; infinity before the first evaluation.
        basis: (2m + 1, N), the pairs s_k, the pairs y_k, and the gradient at `accepted`.
        products: (2m + 1, 2m + 1), float64, every inner product of the basis.
        valid: (m), which of the pairs are used.
        newest: which pair is the newest.
        caution: scalar in 0 to 1, by what the gradient's step is shortened after bad steps.
    """

    position: Tensor
    accepted: Tensor
    value: Tensor
    basis: Tensor
    products: Tensor
    valid: Tensor
    newest: int
    caution: Tensor

    @property
    def history(self) -> int:
        return self.valid.shape[0]

    def copy(self) -> "State":
        """A state of its own memory."""
        tensors = {
            name: getattr(self, name).clone()
            for name in ("position", "accepted", "value", "basis", "products", "valid", "caution")
        }
        return replace(self, **tensors)

    def forget(self) -> "State":
        """The state without its history, back where it was last good: the objective changed."""
        return begin(self.accepted, self.history)

    def step(self, value: Tensor, gradient: Tensor) -> "State":
        """The next state, given the objective's value (scalar) and gradient (N) at `position`.

        Where the value is not finite, or has more than doubled, the point is given up: back to the
        last good one, without history, and a short way along the gradient from there.
        """
        good = torch.isfinite(value) & torch.isfinite(gradient.sum())
        good = good & (value <= WORSE * self.value)
        newest = (self.newest + 1) % self.history
        basis, products = _with_pair(self, newest, gradient, good)
        curvature = products[newest, self.history + newest]
        length = products[self.history + newest, self.history + newest]
        valid = self.valid & good
        valid[newest] = good & (curvature > LEAST_CURVATURE * length) & (length > 0)
        accepted = torch.where(good, self.position, self.accepted)
        caution = torch.where(good, torch.ones_like(self.caution), 0.25 * self.caution)
        direction = _direction(basis, products, valid, newest, caution)
        return State(
            position=accepted + direction,
            accepted=accepted,
            value=torch.where(good, value, self.value),
            basis=basis,
            products=products,
            valid=valid,
            newest=newest,
            caution=caution,
        )


def begin(position: Tensor, history: int = 10) -> State:
    """The state before the first evaluation at `position`, (N) in float32 or float64."""
    rows = 2 * history + 1
    return State(
        position=position,
        accepted=position.clone(),
        value=position.new_full((), torch.inf),
        basis=position.new_zeros(rows, position.numel()),
        products=position.new_zeros(rows, rows, dtype=torch.float64),
        valid=position.new_zeros(history, dtype=torch.bool),
        newest=history - 1,
        caution=position.new_ones(()),
    )


def _with_pair(state: State, newest: int, gradient: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
    """The basis with the newest pair and gradient in it, and its inner products."""
    history, basis, products = state.history, state.basis, state.products
    last = basis[2 * history]
    rows = (newest, history + newest, 2 * history)
    basis[rows[0]] = torch.where(good, state.position - state.accepted, 0.0)  # s_k
    basis[rows[1]] = torch.where(good, gradient - last, 0.0)  # y_k
    basis[rows[2]] = torch.where(good, gradient, last)
    fresh = (basis[list(rows)] @ basis.T).double()  # (3, 2m + 1)
    for row, product in zip(rows, fresh, strict=True):
        products[row], products[:, row] = product, product
    return basis, products


def _direction(
    basis: Tensor, products: Tensor, valid: Tensor, newest: int, caution: Tensor
) -> Tensor:
    """−H·g by the two-loop recursion, on coefficients of the basis; (N)."""
    history, count = valid.shape[0], basis.shape[1]
    oldest_first = [(newest + 1 + k) % history for k in range(history)]
    one = torch.ones((), dtype=torch.float64, device=basis.device)
    norm = products[2 * history, 2 * history].sqrt().clamp_min(1e-30)
    scale = caution * FIRST_STEP * sqrt(count) / norm
    curvatures = {}
    for k in oldest_first:
        y = history + k
        curvatures[k] = torch.where(valid[k], products[k, y], one)
        scale = torch.where(
            valid[k], curvatures[k] / torch.where(valid[k], products[y, y], one), scale
        )
    coefficients = torch.zeros(2 * history + 1, dtype=torch.float64, device=basis.device)
    coefficients[2 * history] = -1.0
    alphas = {}
    for k in reversed(oldest_first):
        alpha = (products[k] @ coefficients) / curvatures[k]
        alphas[k] = torch.where(valid[k], alpha, 0.0)
        coefficients[history + k] -= alphas[k]
    coefficients = coefficients * scale
    for k in oldest_first:
        beta = (products[history + k] @ coefficients) / curvatures[k]
        coefficients[k] += torch.where(valid[k], alphas[k] - beta, 0.0)
    return torch.mv(basis.T, _held(coefficients, products, count).to(basis.dtype))


def _held(coefficients: Tensor, products: Tensor, count: int) -> Tensor:
    """The coefficients, shortened where the step would be longer than `LONGEST_STEP`."""
    length = (coefficients @ products @ coefficients).clamp_min(1e-60).sqrt()
    return coefficients * (LONGEST_STEP * sqrt(count) / length).clamp_max(1.0)
