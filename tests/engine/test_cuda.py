"""The engine on CUDA, compared with itself on the CPU. Needs only torch and pytest."""

import pytest
import torch
from torch import Tensor

from pastiche import Options, stylize_tensors
from pastiche.engine.evaluation import evaluate
from pastiche.engine.images import resize
from pastiche.engine.inputs import Inputs
from pastiche.engine.normalisation import Weights
from pastiche.engine.objective import Objective
from pastiche.engine.run import Run
from pastiche.engine.targets import build_targets, extract_style_features
from pastiche.options import Optimiser, Resampling
from tests.engine.networks import random_backbone
from tests.engine.pictures import CONTENT, STYLE, textured

pytestmark = pytest.mark.cuda

PAIR = Inputs(CONTENT, (STYLE,))
CUDA, CPU = torch.device("cuda"), torch.device("cpu")
SIZE = (133, 202)
AT = 1.2 * textured(*SIZE, 7) - 0.1


@pytest.fixture(autouse=True)
def _without_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def objective(device: torch.device, dtype: torch.dtype = torch.float32) -> Objective:
    network, options = random_backbone().centred(0.5).to(device, dtype), Options()
    style = extract_style_features(STYLE.to(device), None, network, options)
    content = textured(*SIZE, 1).to(device)
    targets = build_targets(content, [style], network, options)
    return Objective.build(network, targets, options, Weights(18.0, 7.5, 15.0, 1e4))


def distance(one: Tensor, other: Tensor) -> float:
    return float((one.cpu() - other.cpu()).norm() / other.cpu().norm())


@pytest.mark.parametrize(
    ("dtype", "of_value", "of_gradient"),
    [(torch.float32, 1e-4, 1e-3), (torch.bfloat16, 1e-2, 5e-2)],
)
def test_value_and_gradient_equal_those_on_the_cpu(
    dtype: torch.dtype, of_value: float, of_gradient: float
) -> None:
    here, there = evaluate(objective(CUDA, dtype), AT.to(CUDA)), evaluate(objective(CPU), AT)
    assert here.value.item() == pytest.approx(there.value.item(), rel=of_value)
    assert distance(here.gradient, there.gradient) < of_gradient


def test_the_gradient_in_tiles_equals_that_of_the_whole_image() -> None:
    on_gpu = objective(CUDA)
    whole, tiled = evaluate(on_gpu, AT.to(CUDA)), evaluate(on_gpu, AT.to(CUDA), 48)
    assert distance(tiled.gradient, whole.gradient) < 1e-5


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_a_replayed_graph_gives_the_bytes_of_launched_kernels(
    optimiser: Optimiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after an update of the weights, for which the graph is not recorded again."""
    options = Options(
        size=128,
        scale_iterations=(20,),
        precision="float32",
        backbone="whitened",
        optimiser=optimiser,
    )
    replayed = painted_with_updates(options)
    monkeypatch.setattr(Run, "_can_be_recorded", lambda run: False)
    assert torch.equal(replayed, painted_with_updates(options))


def painted_with_updates(options: Options) -> Tensor:
    """Updates a weight that changes the colours of the content's target, and one that does not."""
    run = Run(PAIR, options, device=CUDA)
    for progress in run:
        if progress.iteration == 8:
            run.update_weights(style_weight=0.1)
        if progress.iteration == 14:
            run.update_weights(tv_weight=3.0)
    return run.picture()


@pytest.mark.parametrize("resampling", ["bicubic", "bilinear"])
def test_a_large_photograph_is_shrunk_to_the_coarsest_scale(resampling: Resampling) -> None:
    photograph = textured(3024, 4032, 1)
    shrunk = resize(photograph.to(CUDA), (24, 32), resampling)
    assert shrunk.is_cuda
    assert torch.allclose(shrunk.cpu(), resize(photograph, (24, 32), resampling), atol=1e-4)


def test_the_same_seed_gives_the_same_bytes() -> None:
    options = Options(size=128, iterations=30, backbone="whitened")
    one, other = (stylize_tensors(CONTENT, STYLE, options, device=CUDA) for _ in range(2))
    assert torch.equal(one, other)


def test_it_resumes_from_a_checkpoint() -> None:
    options = Options(size=96, iterations=30, precision="float32", backbone="whitened")
    run = Run(PAIR, options, device=CUDA)
    for _ in range(12):
        run.step()
    resumed = Run(PAIR, options, device=CUDA, resume=run.checkpoint())
    for _ in resumed:
        pass
    whole = stylize_tensors(CONTENT, STYLE, options, device=CUDA)
    assert (resumed.picture() - whole).abs().mean().item() < 1e-3


def test_the_cpu_never_waits_for_the_gpu_inside_an_iteration() -> None:
    run = Run(PAIR, Options(size=128, scale_iterations=(20,)), device=CUDA)
    for _ in range(8):
        run.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(8):
            run.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_picture_that_does_not_fit_is_painted_in_tiles() -> None:
    options = Options(size=1024, scale_iterations=(3,), precision="float32", backbone="whitened")
    torch.cuda.reset_peak_memory_stats()
    whole = stylize_tensors(CONTENT, STYLE, options, device=CUDA)
    whole_bytes = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    limit = torch.cuda.memory_reserved() + 600_000_000
    torch.cuda.set_per_process_memory_fraction(
        limit / torch.cuda.get_device_properties(CUDA).total_memory
    )
    try:
        tiled = stylize_tensors(CONTENT, STYLE, options, device=CUDA)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.cuda.max_memory_allocated() < 0.6 * whole_bytes
    assert (tiled - whole).abs().mean().item() < 2e-3
