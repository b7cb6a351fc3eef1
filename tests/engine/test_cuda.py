"""The engine on a card, against itself on the processor. Needs torch, and pytest, alone."""

import pytest
import torch
from torch import Tensor

from pastiche import Options, stylize
from pastiche.engine.evaluation import evaluate
from pastiche.engine.evaluator import Evaluator
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Evaluation, Objective, Weights
from pastiche.engine.stylize import followed, paint
from pastiche.engine.targets import Painted, look_at, targets_of
from tests.engine.pictures import CONTENT, STYLE, textured
from tests.engine.plain import random_backbone

pytestmark = pytest.mark.cuda

PAIR = Inputs(CONTENT, (STYLE,))
CARD, PROCESSOR = torch.device("cuda"), torch.device("cpu")
SIZE = (133, 202)
AT = 1.2 * textured(*SIZE, 7) - 0.1


@pytest.fixture(autouse=True)
def _without_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def objective(device: torch.device, dtype: torch.dtype = torch.float32) -> Objective:
    network, options = random_backbone().centred(0.5).to(device, dtype), Options()
    painted = [Painted(STYLE.to(device))]
    content = textured(*SIZE, 1).to(device)
    targets = targets_of(content, look_at(painted, network, options), network, options)
    return Objective(network, targets, Weights(18.0, 7.5, 15.0, 1e4))


def at(objective: Objective, image: Tensor, tile_side: int | None = None) -> Evaluation:
    (evaluation,) = evaluate([objective], image, tile_side)
    return evaluation


def distance(one: Tensor, other: Tensor) -> float:
    return float((one.cpu() - other.cpu()).norm() / other.cpu().norm())


@pytest.mark.parametrize(
    ("dtype", "of_value", "of_gradient"),
    [(torch.float32, 1e-4, 1e-3), (torch.bfloat16, 1e-2, 5e-2)],
)
def test_value_and_gradient_are_the_processor_s(
    dtype: torch.dtype, of_value: float, of_gradient: float
) -> None:
    here, there = at(objective(CARD, dtype), AT.to(CARD)), at(objective(PROCESSOR), AT)
    assert here.value.item() == pytest.approx(there.value.item(), rel=of_value)
    assert distance(here.gradient, there.gradient) < of_gradient


def test_in_tiles_the_gradient_is_that_of_the_whole() -> None:
    on_card = objective(CARD)
    whole, tiled = at(on_card, AT.to(CARD)), at(on_card, AT.to(CARD), 48)
    assert distance(tiled.gradient, whole.gradient) < 1e-5


def test_nine_at_once_are_each_as_if_alone() -> None:
    """In float64: nine take other kernels, and in float32 a feature that is all but 0 is rectified
    in one and not in the other, which moves a gradient by up to 0.0017."""
    on_card = objective(CARD, torch.float64)
    images = torch.cat([textured(*SIZE, seed) for seed in range(9)]).to(CARD, torch.float64)
    for b, each in enumerate(evaluate(9 * [on_card], images)):
        alone = at(on_card, images[b : b + 1])
        assert distance(each.gradient, alone.gradient) < 1e-9


def test_in_float32_nine_at_once_have_the_values_of_each_alone() -> None:
    on_card = objective(CARD)
    images = torch.cat([textured(*SIZE, seed) for seed in range(9)]).to(CARD)
    for b, each in enumerate(evaluate(9 * [on_card], images)):
        alone = at(on_card, images[b : b + 1])
        assert each.value.item() == pytest.approx(alone.value.item(), rel=1e-5)


def test_what_is_replayed_is_what_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(size=128, scale_iterations=(12,), precision="float32", backbone="whitened")
    replayed = stylize(CONTENT, STYLE, options, device=CARD)
    monkeypatch.setattr(Evaluator, "can_be_recorded", False)
    assert torch.equal(replayed, stylize(CONTENT, STYLE, options, device=CARD))


def test_the_same_seed_gives_the_same_bytes() -> None:
    options = Options(size=128, iterations=30, backbone="whitened")
    one, other = (stylize(CONTENT, STYLE, options, device=CARD) for _ in range(2))
    assert torch.equal(one, other)


def test_it_goes_on_from_a_checkpoint() -> None:
    options = Options(size=96, iterations=30, precision="float32", backbone="whitened")
    painting, checkpoint = paint(PAIR, options, device=CARD), None
    for progress in painting:
        if progress.iteration == 12:
            checkpoint = progress.checkpoint()
    resumed = followed(paint(PAIR, options, device=CARD, resume=checkpoint), lambda _: None)
    whole = stylize(CONTENT, STYLE, options, device=CARD)
    assert (resumed - whole).abs().mean().item() < 1e-3


def test_the_host_never_waits_for_the_card_inside_an_iteration() -> None:
    painting = paint(PAIR, Options(size=128, scale_iterations=(20,)), device=CARD)
    for _ in range(8):
        next(painting)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(8):
            next(painting)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_picture_that_does_not_fit_is_painted_in_tiles() -> None:
    options = Options(size=1024, scale_iterations=(3,), precision="float32", backbone="whitened")
    torch.cuda.reset_peak_memory_stats()
    whole = stylize(CONTENT, STYLE, options, device=CARD)
    whole_bytes = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    wanted = torch.cuda.memory_reserved() + 600_000_000
    torch.cuda.set_per_process_memory_fraction(
        wanted / torch.cuda.get_device_properties(CARD).total_memory
    )
    try:
        tiled = stylize(CONTENT, STYLE, options, device=CARD)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.cuda.max_memory_allocated() < 0.6 * whole_bytes
    assert (tiled - whole).abs().mean().item() < 2e-3
