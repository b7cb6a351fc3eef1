"""Our L-BFGS on problems with known solutions, compared with torch's."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from pastiche.engine import lbfgs

Problem = Callable[[Tensor], Tensor]

GENERATOR = torch.Generator().manual_seed(0)
SCALES = torch.logspace(0, 3, 50, dtype=torch.float64)
MINIMUM = torch.randn(50, generator=GENERATOR, dtype=torch.float64)


def quadratic(x: Tensor) -> Tensor:
    """A function with the condition number 1000 and its minimum, 0, at `MINIMUM`."""
    return (SCALES * (x - MINIMUM).square()).sum()


def rosenbrock(x: Tensor) -> Tensor:
    """The Rosenbrock function, with its minimum, 0, at ones."""
    return (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()


def evaluate(problem: Problem, position: Tensor) -> tuple[Tensor, Tensor]:
    at = position.detach().requires_grad_(True)
    value = problem(at)
    (gradient,) = torch.autograd.grad(value, at)
    return value.detach(), gradient


def minimise(problem: Problem, start: Tensor, iterations: int, history: int = 10) -> lbfgs.State:
    state = lbfgs.begin(start, history)
    for _ in range(iterations):
        state = state.step(*evaluate(problem, state.position))
    return state


def test_an_ill_conditioned_quadratic_is_solved() -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 200)
    assert state.value.item() < 1e-8


def test_rosenbrock_s_valley_is_followed_to_its_end() -> None:
    state = minimise(rosenbrock, torch.zeros(4, dtype=torch.float64), 400)
    assert torch.allclose(state.accepted, torch.ones(4, dtype=torch.float64), atol=1e-4)


def test_each_block_is_scaled_by_its_own_curvature() -> None:
    """Three rotated blocks of 200 variables. The first is 900 times as steep as the last."""
    generator = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    minimum = torch.randn(3, 200, generator=generator, dtype=torch.float64)
    uneven = torch.rand(3, 200, generator=generator, dtype=torch.float64) + 0.5
    steepness = torch.tensor([[30.0], [1.0], [1 / 30]], dtype=torch.float64) * uneven

    def steep(x: Tensor) -> Tensor:
        value: Tensor = (steepness * (axes @ (x.view(3, -1) - minimum)).square()).sum()
        return value

    ends = {}
    for name, known in (("one block", None), ("three blocks", axes)):
        state = lbfgs.begin(torch.zeros(600, dtype=torch.float64), 5, known)
        for _ in range(40):
            state = state.step(*evaluate(steep, state.position))
        ends[name] = state.value.item()
    assert ends["three blocks"] < 0.1 * ends["one block"]


def test_it_gets_as_far_as_torch_with_the_same_number_of_evaluations() -> None:
    start = torch.zeros(50, dtype=torch.float64)
    ours = minimise(quadratic, start, 100).value.item()
    x = start.clone().requires_grad_(True)
    theirs = torch.optim.LBFGS([x], max_iter=100, max_eval=100, history_size=10)

    def closure() -> float:
        theirs.zero_grad()
        value = quadratic(x)
        value.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        return value.item()

    theirs.step(closure)  # type: ignore[no-untyped-call]  # nor for this
    assert ours <= max(2 * quadratic(x).item(), 1e-9)


def two_loops(pairs: list[tuple[Tensor, Tensor]], gradient: Tensor) -> Tensor:
    """−H·g by algorithm 7.4 of Nocedal and Wright."""
    direction, alphas = gradient.clone(), list[Tensor]()
    for s, y in reversed(pairs):
        alphas.insert(0, (s @ direction) / (s @ y))
        direction -= alphas[0] * y
    s, y = pairs[-1]
    direction *= (s @ y) / (y @ y)
    for (s, y), alpha in zip(pairs, alphas, strict=True):
        direction += s * (alpha - (y @ direction) / (s @ y))
    return -direction


def test_a_step_equals_the_two_loop_recursion() -> None:
    state = lbfgs.begin(MINIMUM + 0.1 * torch.sin(SCALES), 4)
    seen: list[tuple[Tensor, Tensor]] = []
    for _ in range(9):
        position = state.position
        value, gradient = evaluate(quadratic, position)
        seen.append((position, gradient))
        state = state.step(value, gradient)
    pairs = [(x - last_x, g - last_g) for (last_x, last_g), (x, g) in pairwise(seen[-5:])]
    move = state.position - state.accepted
    assert torch.allclose(move, two_loops(pairs, seen[-1][1]), rtol=1e-8, atol=1e-12)


def test_inner_products_of_many_variables_include_all_of_them() -> None:
    count = 2 * lbfgs.CHUNK + 17
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(3 * count, generator=generator)
    state = lbfgs.begin(start, 3, torch.eye(3))
    for _ in range(5):
        state = state.step(*evaluate(lambda x: (x.abs() ** 2.5).sum(), state.position))
    basis = state.basis.double()
    expected = torch.einsum("rbn,sbn->brs", basis, basis)
    assert torch.allclose(
        state.products, expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item()
    )


def test_the_first_step_is_short_and_goes_down_the_gradient() -> None:
    start = torch.zeros(50, dtype=torch.float64)
    value, gradient = evaluate(quadratic, start)
    move = lbfgs.begin(start).step(value, gradient).position - start
    assert move.square().mean().sqrt().item() == pytest.approx(lbfgs.FIRST_STEP)
    assert torch.cosine_similarity(move, -gradient, dim=0).item() == pytest.approx(1.0)


def test_no_step_is_longer_than_the_longest() -> None:
    state = lbfgs.begin(torch.zeros(50, dtype=torch.float64))
    for _ in range(20):
        state = state.step(*evaluate(quadratic, state.position))
        move = state.position - state.accepted
        assert move.square().mean().sqrt().item() <= lbfgs.LONGEST_STEP * (1 + 1e-9)


def test_a_pair_without_positive_curvature_is_not_used() -> None:
    state = lbfgs.begin(torch.zeros(3, dtype=torch.float64))
    downhill = torch.ones(3, dtype=torch.float64)
    state = state.step(torch.tensor(1.0), downhill)
    state = state.step(torch.tensor(0.9), 2 * downhill)  # steeper further on: concave
    assert not state.valid.any()


BAD = [torch.nan, torch.inf, 1e9]


def stepped_badly(state: lbfgs.State, bad: float, times: int) -> lbfgs.State:
    for _ in range(times):
        gradient = torch.full_like(state.position, bad)
        state = state.step(torch.tensor(bad, dtype=gradient.dtype), gradient)
    return state


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_step_is_tried_again_shorter_along_the_same_line(bad: float) -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 10)
    last_good, step, pairs = state.accepted.clone(), state.position - state.accepted, state.valid
    state = stepped_badly(state, bad, 1)
    retry = state.position - last_good
    assert torch.equal(state.accepted, last_good)
    assert torch.equal(state.valid, pairs)
    assert torch.cosine_similarity(retry, step, dim=0).item() == pytest.approx(1.0)
    assert retry.norm() <= lbfgs.LONGEST_RETRY * step.norm() * (1 + 1e-9)


@pytest.mark.parametrize("bad", BAD)
def test_after_several_bad_steps_the_history_is_reset_for_a_gradient_step(bad: float) -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 10)
    last_good = state.accepted.clone()
    state = stepped_badly(state, bad, lbfgs.RETRIES + 1)
    _, gradient = evaluate(quadratic, last_good)
    assert torch.equal(state.accepted, last_good)
    assert not state.valid.any()
    step = state.position - last_good
    assert torch.cosine_similarity(step, -gradient, dim=0).item() == pytest.approx(1.0)


def test_no_point_above_the_first_is_accepted() -> None:
    """On a problem whose steps overshoot: steep walls around a flat floor."""
    state = lbfgs.begin(torch.full((50,), 0.3, dtype=torch.float64), 3)
    first, _ = evaluate(walls, state.position)
    for _ in range(60):
        state = state.step(*evaluate(walls, state.position))
        assert state.value <= first
    assert state.value < 0.01 * first


def walls(x: Tensor) -> Tensor:
    return (SCALES * (x.abs() - 0.25).clamp_min(0).square()).sum() * 1e4 + 0.1 * x.square().sum()


def test_it_continues_to_the_minimum_after_a_bad_step() -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 10)
    nothing = torch.full((50,), torch.nan, dtype=torch.float64)
    state = state.step(torch.tensor(torch.nan, dtype=torch.float64), nothing)
    for _ in range(300):
        state = state.step(*evaluate(quadratic, state.position))
    assert state.value.item() < 1e-9


def test_a_copy_continues_like_the_original() -> None:
    state = minimise(rosenbrock, torch.zeros(4, dtype=torch.float64), 25)
    copy = state.copy()
    ends = []
    for each in (state, copy):
        for _ in range(25):
            each = each.step(*evaluate(rosenbrock, each.position))
        ends.append(each.position)
    assert torch.equal(*ends)


def test_a_reset_returns_to_the_last_good_point_without_the_history() -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 10)
    fresh = state.reset()
    assert torch.equal(fresh.position, state.accepted)
    assert not fresh.valid.any()


def test_a_reset_state_steps_like_a_new_one_in_the_same_memory() -> None:
    state = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 15)
    new = lbfgs.begin(state.accepted, state.history, state.axes)
    fresh = state.reset()
    assert fresh.basis.data_ptr() == state.basis.data_ptr()
    for _ in range(8):
        fresh, new = (each.step(*evaluate(quadratic, each.position)) for each in (fresh, new))
        assert torch.equal(fresh.position, new.position)


def test_a_shortened_history_has_the_newest_pairs() -> None:
    longer = minimise(quadratic, torch.zeros(50, dtype=torch.float64), 25)
    shorter = longer.copy().shorten(3)
    newest = [(int(longer.newest) - back) % longer.history for back in (2, 1, 0)]
    assert shorter.history == 3
    assert torch.equal(shorter.basis[:3], longer.basis[newest])
    lowest = quadratic(longer.accepted)
    for _ in range(20):
        shorter = shorter.step(*evaluate(quadratic, shorter.position))
    assert quadratic(shorter.accepted) < 0.9 * lowest


def test_a_flat_objective_stays_where_it_is() -> None:
    start = torch.ones(5)
    state = lbfgs.begin(start)
    for _ in range(3):
        state = state.step(torch.tensor(0.0), torch.zeros(5))
    assert torch.equal(state.position, start)
