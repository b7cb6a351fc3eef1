"""L-BFGS as a value: `state.step(value, gradient) → state`, one evaluation an iteration.

Nocedal, Wright, *Numerical Optimization*, section 7.2, in the compact form of Byrd, Nocedal and
Schnabel, "Representations of quasi-Newton matrices and their use in limited memory methods" (1994);
that all of it is computed on the coefficients of a basis is from Chen, Wang, Zhou, "Large-scale
L-BFGS using MapReduce" (NIPS 2014). A step that raises the objective is retried, shorter, along the
same line; other than that there is no line search: its evaluations gain less here than another step
does. The initial inverse Hessian (Nocedal, Wright, eq. 7.20) is not one number but one for each
block of variables: the objective is curved more along one axis of the colours than along another.

Nothing here waits for the device: every decision is a `torch.where`.
"""

from dataclasses import dataclass, fields, replace
from math import sqrt

import torch
from torch import Tensor

FIRST_STEP = 0.01
"""How far, as a root mean square over the variable, a step along the plain gradient goes."""

LONGEST_STEP = 0.1
"""How far any step goes at most, as a root mean square over the variable."""

MAX_RISE = 1.05
"""A step that multiplies the objective by more than this is rejected, as is one that leaves it
above its first value. Small rises are accepted: they are rounding, or lead around a corner."""

SHORTEST_RETRY, LONGEST_RETRY = 0.1, 0.5
"""The next try along the line of a rejected step goes between these shares of it."""

RETRIES = 3
"""How often a step is shortened before the history is reset for a step along the gradient."""

MAX_RATIO = 10.0
"""How many times more or less than the mean the curvature of a block may be."""

CHUNK = 1024
"""How many variables an inner product is summed over in float32."""

MIN_CURVATURE = 1e-10
"""A pair is used where sᵀy is above this share of yᵀy: below it is rounding."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the optimiser. N is the number of variables, m the history's length.

    The variables are B blocks, one after the other, each with its own curvature once they are
    rotated: those of a picture are its colour channels, rotated to uncorrelated axes.

    `step` uses the memory of the history again, so a state that was stepped is no longer valid.
    Use `copy` for one that stays so.

    Attributes:
        position: (N), where the objective is to be evaluated next.
        accepted: (N), the last point that was accepted.
        value: scalar, the objective there; infinity before the first evaluation.
        ceiling: scalar, the first finite value: no point above it is accepted.
        axes: (B, B), orthonormal, rotates the blocks.
        basis: (2m + 1, B, N/B), the pairs s_k, the pairs y_k, and the gradient at `accepted`, all
            rotated.
        products: (B, 2m + 1, 2m + 1), float64, every inner product of the basis, by block.
        valid: (m), which of the pairs are used.
        newest: scalar, which pair is the newest.
        caution: scalar in 0 to 1, the factor of the gradient's step after bad steps.
        retries: scalar, how many times the step from `accepted` was shortened so far.
    """

    position: Tensor
    accepted: Tensor
    value: Tensor
    ceiling: Tensor
    axes: Tensor
    basis: Tensor
    products: Tensor
    valid: Tensor
    newest: Tensor
    caution: Tensor
    retries: Tensor

    @property
    def history(self) -> int:
        return self.valid.shape[0]

    def copy(self, device: torch.device | None = None) -> "State":
        """A copy with memory of its own, on another device if one is given."""
        return State(*(getattr(self, each.name).to(device, copy=True) for each in fields(self)))

    def reset(self) -> "State":
        """The state without its history, at the last accepted point, for another objective; with
        the same memory, which may be most of what there is."""
        return replace(
            self,
            position=self.accepted,
            accepted=self.accepted.clone(),
            value=torch.full_like(self.value, torch.inf),
            ceiling=torch.full_like(self.ceiling, torch.inf),
            valid=torch.zeros_like(self.valid),
            newest=torch.full_like(self.newest, self.history - 1),
            caution=torch.ones_like(self.caution),
            retries=torch.zeros_like(self.retries),
        )

    def shorten(self, history: int) -> "State":
        """The state with no more than the newest pairs of its history."""
        if history >= self.history:
            return self
        order = _oldest_first(self.newest, self.history)
        pairs = order[self.history - history : self.history]
        rows = torch.cat([pairs, self.history + pairs, order[-1:]])
        return replace(
            self,
            basis=self.basis[rows],
            products=self.products[:, rows][:, :, rows],
            valid=self.valid[pairs],
            newest=torch.full_like(self.newest, history - 1),
        )

    def step(self, value: Tensor, gradient: Tensor) -> "State":
        """The next state, given the objective's value (scalar) and gradient (N) at `position`.

        Where the value is not finite, or too high (`MAX_RISE`, `ceiling`), the point is given up: a
        shorter step along the same line is tried, and after `RETRIES` of them a short one along the
        gradient, without history.
        """
        good = torch.isfinite(value) & torch.isfinite(gradient.sum())
        good = good & (value <= MAX_RISE * self.value) & (value <= self.ceiling)
        shortens = ~good & (self.retries < RETRIES)
        newest = torch.where(good, (self.newest + 1) % self.history, self.newest)
        useful = self._remember(newest, gradient, good)
        order = _oldest_first(newest, self.history)
        products = self.products[:, order][:, :, order]
        valid = self.valid.index_copy(0, newest[None], useful[None])
        valid = torch.where(good, valid, self.valid & shortens)
        accepted = torch.where(good, self.position, self.accepted)
        lowest = torch.where(good, value, self.value)
        caution = torch.where(good, 1.0, torch.where(shortens, self.caution, 0.1 * self.caution))
        count = gradient.numel()
        first_step = caution * self._first_step(lowest, products, count)
        newton = _newton(products, valid[order[: self.history]], first_step)
        coefficients = _limit_length(newton, products, count)
        coefficients = torch.zeros_like(coefficients).index_copy(1, order, coefficients)
        ahead = accepted + self._direction(coefficients)
        retry = self.accepted + self._retry_share(value) * (self.position - self.accepted)
        return State(
            position=torch.where(shortens, retry, ahead),
            accepted=accepted,
            value=lowest,
            ceiling=torch.where(torch.isfinite(self.ceiling), self.ceiling, lowest),
            axes=self.axes,
            basis=self.basis,
            products=self.products,
            valid=valid,
            newest=newest,
            caution=caution,
            retries=torch.where(shortens, self.retries + 1, 0),
        )

    def _remember(self, newest: Tensor, gradient: Tensor, good: Tensor) -> Tensor:
        """Stores the newest pair and gradient in the basis, and their inner products, where the
        point is good; whether the pair is useful."""
        last, gradient = self.basis[-1], self._rotate(gradient)
        rows = torch.stack(
            (newest, self.history + newest, torch.full_like(newest, 2 * self.history))
        )
        fresh = torch.stack(
            (
                self._rotate(self.position - self.accepted),  # s_k
                gradient - last,  # y_k
                gradient,
            )
        )  # (3, B, N/B)
        fresh = torch.where(good, fresh, self.basis.index_select(0, rows))
        self.basis.index_copy_(0, rows, fresh)
        inner = _inner_products(fresh, self.basis)
        self.products.index_copy_(1, rows, inner)
        self.products.index_copy_(2, rows, inner.mT)
        among = self.products.sum(dim=0).index_select(0, rows).index_select(1, rows)  # (3, 3)
        return good & (among[0, 1] > MIN_CURVATURE * among[1, 1]) & (among[1, 1] > 0)

    def _first_step(self, value: Tensor, products: Tensor, count: int) -> Tensor:
        """How far to go along the gradient where the curvature is unknown: no farther than the
        minimum of the parabola through this value and slope that touches 0."""
        slope = products[:, -1, -1].sum().sqrt().clamp_min(1e-30)
        return (2.0 * value / slope).clamp_max(FIRST_STEP * sqrt(count))

    def _retry_share(self, value: Tensor) -> Tensor:
        """The share of a step that led to this value at which a parabola through it has its
        minimum."""
        step = self._rotate(self.position - self.accepted)
        slope = (self.basis[-1] * step).sum()
        share = -slope / (2.0 * (value - self.value - slope))
        share = torch.where(torch.isfinite(share), share, SHORTEST_RETRY)
        return share.clamp(SHORTEST_RETRY, LONGEST_RETRY)

    def _rotate(self, variables: Tensor) -> Tensor:
        """(N) as rotated blocks, (B, N/B)."""
        return self.axes @ variables.view(self.axes.shape[0], -1)

    def _direction(self, coefficients: Tensor) -> Tensor:
        """The linear combination of the basis with coefficients (B, 2m + 1), rotated back: (N)."""
        weights = coefficients.to(self.basis.dtype)[:, None]  # (B, 1, 2m + 1)
        rotated = torch.bmm(weights, self.basis.transpose(0, 1))[:, 0]  # (B, N/B)
        return (self.axes.T @ rotated).flatten()


def begin(position: Tensor, history: int = 10, axes: Tensor | None = None) -> State:
    """The state before the first evaluation at `position`, (N) in float32 or float64.

    Args:
        axes: (B, B), orthonormal, rotates B blocks of variables; None where there is one block.
    """
    axes = position.new_ones(1, 1) if axes is None else axes.to(position)
    rows, blocks = 2 * history + 1, axes.shape[0]
    return State(
        position=position,
        accepted=position.clone(),
        value=position.new_full((), torch.inf),
        ceiling=position.new_full((), torch.inf),
        axes=axes,
        basis=position.new_zeros(rows, blocks, position.numel() // blocks),
        products=position.new_zeros(blocks, rows, rows, dtype=torch.float64),
        valid=position.new_zeros(history, dtype=torch.bool),
        newest=torch.tensor(history - 1, device=position.device),
        caution=position.new_ones(()),
        retries=position.new_zeros(()),
    )


def _inner_products(some: Tensor, basis: Tensor) -> Tensor:
    """Of some vectors, (K, B, n), with each of the basis, (R, B, n), by block: (B, K, R), float64.

    In chunks: a GPU has few rows to distribute over its processors, but many chunks, and their
    sums are more exact.
    """
    count = basis.shape[2]
    chunks = count // CHUNK
    whole, found = chunks * CHUNK, []
    for block in range(basis.shape[1]):
        one, other = some[:, block], basis[:, block]
        rows, columns = (
            each[:, :whole].view(len(each), chunks, CHUNK).transpose(0, 1) for each in (one, other)
        )
        rest = one[:, whole:] @ other[:, whole:].T
        found.append(torch.bmm(rows, columns.mT).double().sum(dim=0) + rest.double())
    return torch.stack(found)


def _oldest_first(newest: Tensor, history: int) -> Tensor:
    """The indices in the basis of the s and the y, from oldest to newest, and of the gradient."""
    pairs = (newest + 1 + torch.arange(history, device=newest.device)) % history
    return torch.cat([pairs, history + pairs, newest.new_full((1,), 2 * history)])


def _newton(products: Tensor, valid: Tensor, first_step: Tensor) -> Tensor:
    """−H·g in the compact form (Byrd, Nocedal, Schnabel 1994, eq. 3.1), (B, 2m + 1):

        p = R⁻¹ Sᵀg,  q = R⁻ᵀ ((D + YᵀH₀Y) p − YᵀH₀g),  −H·g = −S q + H₀ (Y p − g)

    with R the upper triangle of SᵀY, and D its diagonal.

    The numbers are those of the two-loop recursion; its loops would be hundreds of small kernels
    on a GPU, and two solutions of triangular equations are two.

    Args:
        products: (B, 2m + 1, 2m + 1), the inner products of the s, of the y, both from the oldest
            to the newest, and of the gradient.
        valid: (m), which pairs are used.
        first_step: scalar, how far to go along the gradient where none is.

    Returns:
        The coefficients of the basis.
    """
    history, whole = valid.shape[0], products.sum(dim=0)
    inverse_curvatures = _inverse_curvatures(products, valid, first_step)  # (B)
    initial = (inverse_curvatures[:, None, None] * products[:, history:-1]).sum(dim=0)
    both = valid[:, None] & valid
    curvatures = torch.where(both, whole[:history, history:-1], 0.0)  # s_i · y_j
    triangle = curvatures.triu() + (~valid).to(curvatures).diag()
    diagonal = curvatures.diagonal().diag()
    of_y = torch.where(both, initial[:, history:-1], 0.0)  # y_i · H₀ y_j
    at_s = torch.where(valid, whole[:history, -1], 0.0)[:, None]  # s_i · g
    at_y = torch.where(valid, initial[:, -1], 0.0)[:, None]  # y_i · H₀ g
    p = torch.linalg.solve_triangular(triangle, at_s, upper=True)
    q = torch.linalg.solve_triangular(triangle.mT, (diagonal + of_y) @ p - at_y, upper=False)
    p_and_gradient = torch.cat([p[:, 0], -torch.ones_like(p[0])])  # along the y and the gradient
    by_block = inverse_curvatures[:, None] * p_and_gradient
    return torch.cat([-q.mT.expand(len(by_block), -1), by_block], dim=1)


def _inverse_curvatures(products: Tensor, valid: Tensor, first_step: Tensor) -> Tensor:
    """H₀, the initial inverse Hessian: s·y / y·y of each block's newest pair, (B)."""
    history = valid.shape[0]
    curvatures = products.diagonal(history, 1, 2)[:, :history]  # (B, m)
    lengths = products.diagonal(0, 1, 2)[:, history:-1]
    mean = curvatures.sum(dim=0) / lengths.sum(dim=0)
    each = curvatures / lengths
    each = torch.where(torch.isfinite(each), each, mean)
    each = each.clamp(mean / MAX_RATIO, mean * MAX_RATIO)
    newest = (valid * torch.arange(history, device=valid.device)).argmax()
    along_gradient = first_step / products[:, -1, -1].sum().sqrt().clamp_min(1e-30)
    return torch.where(valid.any(), each.index_select(1, newest[None])[:, 0], along_gradient)


def _limit_length(coefficients: Tensor, products: Tensor, count: int) -> Tensor:
    """The coefficients, shortened where the step would be longer than `LONGEST_STEP`."""
    squares = coefficients[:, None] @ products @ coefficients[:, :, None]  # (B, 1, 1)
    length = squares.sum().clamp_min(1e-60).sqrt()
    return coefficients * (LONGEST_STEP * sqrt(count) / length).clamp_max(1.0)
