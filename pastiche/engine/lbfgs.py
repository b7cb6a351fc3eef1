"""L-BFGS as a value: `state.step(value, gradient) → state`, with one evaluation per iteration.

Nocedal, Wright, *Numerical Optimization*, section 7.2, in the compact form of Byrd, Nocedal and
Schnabel, "Representations of quasi-Newton matrices and their use in limited memory methods" (1994).
As in Chen, Wang, Zhou, "Large-scale L-BFGS using MapReduce" (NIPS 2014), everything is computed on
the coefficients of a basis. A step that raises the objective is retried, shorter, along the same
line. Otherwise there is no line search: the evaluations are better spent on further steps. The
initial inverse Hessian (Nocedal, Wright, eq. 7.20) has one number for each block of variables,
because the curvature of the objective differs between the axes of the colours.

Nothing here waits for the device: every decision is a `torch.where`.
"""

from dataclasses import dataclass, fields, replace
from math import sqrt

import torch
from torch import Tensor

FIRST_STEP = 0.01
"""The length of a step along the plain gradient, as a root mean square over the variables."""

LONGEST_STEP = 0.1
"""The maximum length of any step, as a root mean square over the variables."""

MAX_RISE = 1.05
"""A step that multiplies the objective by more than this is rejected, and so is a step that leaves
it above its first value. Smaller rises are accepted: they come from rounding, or lead around a
corner."""

SHORTEST_RETRY, LONGEST_RETRY = 0.1, 0.5
"""The bounds of a retry's length, as a share of the rejected step."""

RETRIES = 3
"""How often a step is shortened before the history is reset for a step along the gradient."""

MAX_RATIO = 10.0
"""How many times larger or smaller than the mean the curvature of a block may be."""

CHUNK = 1024
"""How many products of an inner product are summed in float32."""

MIN_CURVATURE = 1e-10
"""A pair is used if sᵀy is above this share of yᵀy. Below, it is only rounding."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the optimiser. N is the number of variables, m the history's length.

    The variables are B blocks, one after the other. After a rotation, each block has its own
    curvature. The blocks of a picture are its colour channels, rotated to uncorrelated axes.

    `step` overwrites the memory of the history, so the old state is no longer valid after it. Use
    `copy` to keep one.

    Attributes:
        position: (N), where the objective is to be evaluated next.
        accepted: (N), the last point that was accepted.
        value: scalar, the objective there; infinity before the first evaluation.
        ceiling: scalar, the first finite value: no point above it is accepted.
        axes: (B, B), orthonormal, rotates the blocks.
        basis: (2m + 1, B, N/B), the s_k and the y_k of the pairs, and the gradient at `accepted`,
            all rotated.
        products: (B, 2m + 1, 2m + 1), float64, every inner product of the basis, by block.
        valid: (m), which of the pairs are used.
        newest: scalar, the index of the newest pair.
        caution: scalar in 0 to 1, the factor of the step along the gradient, smaller after bad
            steps.
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
        """A copy in new memory, on another device if one is given."""
        return State(*(getattr(self, each.name).to(device, copy=True) for each in fields(self)))

    def reset(self) -> "State":
        """The state without its history, at the last accepted point, for another objective. It uses
        the same memory, which may be most of the device's."""
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
        """The state with at most this many of the newest pairs of its history."""
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

        If the value is not finite or too high (`MAX_RISE`, `ceiling`), the point is rejected. The
        next state tries a shorter step along the same line, and after `RETRIES` of these a short
        step along the gradient, without history.
        """
        is_good = torch.isfinite(value) & torch.isfinite(gradient.sum())
        is_good = is_good & (value <= MAX_RISE * self.value) & (value <= self.ceiling)
        is_retry = ~is_good & (self.retries < RETRIES)
        newest = torch.where(is_good, (self.newest + 1) % self.history, self.newest)
        is_useful = self._remember(newest, gradient, is_good)
        order = _oldest_first(newest, self.history)
        products = self.products[:, order][:, :, order]
        valid = self.valid.index_copy(0, newest[None], is_useful[None])
        valid = torch.where(is_good, valid, self.valid & is_retry)
        accepted = torch.where(is_good, self.position, self.accepted)
        lowest = torch.where(is_good, value, self.value)
        caution = torch.where(is_good, 1.0, torch.where(is_retry, self.caution, 0.1 * self.caution))
        count = gradient.numel()
        first_step = caution * self._first_step(lowest, products, count)
        newton = _newton(products, valid[order[: self.history]], first_step)
        coefficients = _limit_length(newton, products, count)
        coefficients = torch.zeros_like(coefficients).index_copy(1, order, coefficients)
        next_position = accepted + self._direction(coefficients)
        retry = self.accepted + self._retry_share(value) * (self.position - self.accepted)
        return State(
            position=torch.where(is_retry, retry, next_position),
            accepted=accepted,
            value=lowest,
            ceiling=torch.where(torch.isfinite(self.ceiling), self.ceiling, lowest),
            axes=self.axes,
            basis=self.basis,
            products=self.products,
            valid=valid,
            newest=newest,
            caution=caution,
            retries=torch.where(is_retry, self.retries + 1, 0),
        )

    def _remember(self, newest: Tensor, gradient: Tensor, is_good: Tensor) -> Tensor:
        """Stores the newest pair and gradient and their inner products if the point is good.
        Returns whether the pair is useful."""
        last, gradient = self.basis[-1], self._rotate(gradient)
        rows = torch.stack(
            (newest, self.history + newest, torch.full_like(newest, 2 * self.history))
        )
        new_rows = torch.stack(
            (
                self._rotate(self.position - self.accepted),  # s_k
                gradient - last,  # y_k
                gradient,
            )
        )  # (3, B, N/B)
        new_rows = torch.where(is_good, new_rows, self.basis.index_select(0, rows))
        self.basis.index_copy_(0, rows, new_rows)
        inner = _inner_products(new_rows, self.basis)
        self.products.index_copy_(1, rows, inner)
        self.products.index_copy_(2, rows, inner.mT)
        inner_sums = self.products.sum(dim=0).index_select(0, rows).index_select(1, rows)  # (3, 3)
        curvature, squared_length = inner_sums[0, 1], inner_sums[1, 1]  # sᵀy, yᵀy
        return is_good & (curvature > MIN_CURVATURE * squared_length) & (squared_length > 0)

    def _first_step(self, value: Tensor, products: Tensor, count: int) -> Tensor:
        """The length of a step along the gradient while the curvature is unknown: at most to the
        minimum of the parabola with this value and slope whose minimum is 0."""
        slope = products[:, -1, -1].sum().sqrt().clamp_min(1e-30)
        return (2.0 * value / slope).clamp_max(FIRST_STEP * sqrt(count))

    def _retry_share(self, value: Tensor) -> Tensor:
        """The length of a retry, as a share of the step that led to this value: at the minimum of
        the parabola through both points."""
        step = self._rotate(self.position - self.accepted)
        slope = (self.basis[-1] * step).sum()
        share = -slope / (2.0 * (value - self.value - slope))
        share = torch.where(torch.isfinite(share), share, SHORTEST_RETRY)
        return share.clamp(SHORTEST_RETRY, LONGEST_RETRY)

    def _rotate(self, variables: Tensor) -> Tensor:
        """(N) → (B, N/B), the rotated blocks."""
        return self.axes @ variables.view(self.axes.shape[0], -1)

    def _direction(self, coefficients: Tensor) -> Tensor:
        """The linear combination of the basis with coefficients (B, 2m + 1), rotated back: (N)."""
        weights = coefficients.to(self.basis.dtype)[:, None]  # (B, 1, 2m + 1)
        rotated = torch.bmm(weights, self.basis.transpose(0, 1))[:, 0]  # (B, N/B)
        return (self.axes.T @ rotated).flatten()


def begin(position: Tensor, history: int = 10, axes: Tensor | None = None) -> State:
    """The state before the first evaluation at `position`, (N) in float32 or float64.

    Args:
        axes: (B, B), orthonormal, rotates B blocks of variables. None for one block.
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
    """The inner products of vectors, (K, B, n), and the basis, (R, B, n), by block: (B, K, R),
    float64.

    They are summed in chunks. There are few rows but many chunks to distribute over a GPU's
    processors, and sums of chunks are more exact.
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
    """The indices in the basis of the s_k and the y_k, both from oldest to newest, and of the
    gradient."""
    pairs = (newest + 1 + torch.arange(history, device=newest.device)) % history
    return torch.cat([pairs, history + pairs, newest.new_full((1,), 2 * history)])


def _newton(products: Tensor, valid: Tensor, first_step: Tensor) -> Tensor:
    """−H·g in the compact form (Byrd, Nocedal, Schnabel 1994, eq. 3.1), (B, 2m + 1):

        p = R⁻¹ Sᵀg,  q = R⁻ᵀ ((D + YᵀH₀Y) p − YᵀH₀g),  −H·g = −S q + H₀ (Y p − g)

    with R the upper triangle of SᵀY, and D its diagonal.

    The result is the same as that of the two-loop recursion. On a GPU its loops would launch
    hundreds of small kernels, where solving two triangular systems takes two.

    Args:
        products: (B, 2m + 1, 2m + 1), the inner products of the s_k and the y_k, both from oldest
            to newest, and of the gradient.
        valid: (m), which pairs are used.
        first_step: scalar, the length of a step along the gradient, for when no pair is used.

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
    y_y = torch.where(both, initial[:, history:-1], 0.0)  # y_i · H₀ y_j
    s_gradient = torch.where(valid, whole[:history, -1], 0.0)[:, None]  # s_i · g
    y_gradient = torch.where(valid, initial[:, -1], 0.0)[:, None]  # y_i · H₀ g
    p = torch.linalg.solve_triangular(triangle, s_gradient, upper=True)
    q = torch.linalg.solve_triangular(triangle.mT, (diagonal + y_y) @ p - y_gradient, upper=False)
    p_and_gradient = torch.cat([p[:, 0], -torch.ones_like(p[0])])  # along the y and the gradient
    by_block = inverse_curvatures[:, None] * p_and_gradient
    return torch.cat([-q.mT.expand(len(by_block), -1), by_block], dim=1)


def _inverse_curvatures(products: Tensor, valid: Tensor, first_step: Tensor) -> Tensor:
    """H₀, the initial inverse Hessian: s·y / y·y of the newest pair in each block, (B)."""
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
    """The coefficients, scaled down if the step would be longer than `LONGEST_STEP`."""
    squares = coefficients[:, None] @ products @ coefficients[:, :, None]  # (B, 1, 1)
    length = squares.sum().clamp_min(1e-60).sqrt()
    return coefficients * (LONGEST_STEP * sqrt(count) / length).clamp_max(1.0)
