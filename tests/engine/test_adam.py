"""Our Adam, compared with torch's, and after a bad step."""

from dataclasses import fields

import torch
from torch import Tensor

from pastiche.engine import adam

START = torch.linspace(-1, 1, 50, dtype=torch.float64)


def evaluate(position: Tensor) -> tuple[Tensor, Tensor]:
    """The value and gradient of a quadratic function with its minimum, 0, at one half."""
    return (position - 0.5).square().sum(), 2 * (position - 0.5)


def minimise(state: adam.State, steps: int) -> adam.State:
    for _ in range(steps):
        state = state.step(*evaluate(state.position))
    return state


def test_it_takes_the_same_steps_as_torch() -> None:
    x = START.clone().requires_grad_(True)
    theirs = torch.optim.Adam([x], lr=0.03, betas=adam.DECAYS)
    for _ in range(25):
        x.grad = evaluate(x.detach())[1]
        theirs.step()
    assert torch.allclose(minimise(adam.begin(START, 0.03), 25).position, x.detach(), atol=1e-9)


def test_it_finds_the_minimum() -> None:
    state = minimise(adam.begin(START, 0.03), 800)
    assert evaluate(state.accepted)[0].item() < 1e-6


def test_a_bad_step_is_undone_and_the_minimum_is_still_found() -> None:
    state = minimise(adam.begin(START, 0.03), 10)
    last_good = state.accepted.clone()
    nothing = torch.full_like(START, torch.nan)
    state = state.step(torch.tensor(torch.nan), nothing)
    assert torch.equal(state.accepted, last_good)
    assert evaluate(minimise(state, 800).accepted)[0].item() < 1e-6


def test_a_reset_returns_to_the_last_good_point() -> None:
    state = minimise(adam.begin(START, 0.03), 10)
    fresh = state.reset()
    assert torch.equal(fresh.position, state.accepted)
    assert not fresh.mean.any()


def test_the_picture_is_the_average_of_the_iterates() -> None:
    state, points = adam.begin(START, 0.03), []
    for _ in range(20):
        points.append(state.position)
        state = state.step(*evaluate(state.position))
    weights = adam.AVERAGE_DECAY ** torch.arange(19, -1, -1, dtype=torch.float64)
    expected = (weights[:, None] * torch.stack(points)).sum(dim=0) / weights.sum()
    assert torch.allclose(state.accepted, expected, rtol=1e-6)


def test_a_larger_scale_continues_with_the_moments() -> None:
    state = minimise(adam.begin(START, 0.03), 30)
    larger = state.resize(torch.zeros(100, dtype=torch.float64), lambda x: x.repeat(2))
    assert torch.allclose(larger.mean, 0.5 * state.mean.repeat(2))
    assert torch.allclose(larger.square, 0.25 * state.square.repeat(2))
    assert larger.steps == state.steps
    assert torch.equal(larger.accepted, larger.position)


def test_its_tensors_share_no_memory() -> None:
    state = adam.begin(START, 0.1)
    tensors = [
        value for each in fields(state) if isinstance(value := getattr(state, each.name), Tensor)
    ]
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
