"""Painting from end to end, with the backbone that needs no download."""

import gc
import weakref
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from pastiche import Options, stylize_tensors
from pastiche.engine import lbfgs
from pastiche.engine.backbone import Backbone, BackboneSource
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.colour import luminance
from pastiche.engine.inputs import Inputs
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.run import Run
from pastiche.options import Blend, Colour, LayerName, OptionError, Start
from pastiche.presets import PRESETS
from tests.engine.networks import random_backbone
from tests.engine.pictures import (
    AWKWARD,
    CONTENT,
    OTHER_STYLE,
    STYLE,
    left_half,
    textured,
)

pytestmark = pytest.mark.usefixtures("thin_backbone")

QUICK = Options(size=64, iterations=12)
QUICKLY = {"size": 64, "iterations": 16}
PAIR = Inputs(CONTENT, (STYLE,))


def test_the_pastiche_has_the_content_s_aspect_ratio_and_the_chosen_size() -> None:
    picture = stylize_tensors(CONTENT, STYLE, QUICK)
    assert picture.shape == (1, 3, 48, 64)
    assert picture.dtype == torch.float32
    assert ((picture >= 0) & (picture <= 1)).all()


def test_a_small_content_image_is_painted_larger() -> None:
    assert stylize_tensors(textured(24, 32, 1), STYLE, QUICK).shape == (1, 3, 48, 64)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, other = (stylize_tensors(CONTENT, STYLE, QUICK) for _ in range(2))
    assert torch.equal(one, other)


def test_another_seed_differs_from_a_noise_start() -> None:
    one, other = (
        stylize_tensors(CONTENT, STYLE, Options(size=64, iterations=12, start="noise", seed=seed))
        for seed in (0, 1)
    )
    assert not torch.equal(one, other)


def test_each_start_begins_elsewhere() -> None:
    first: dict[Start, Tensor] = {}
    for start in get_args(Start):
        options = Options(size=64, iterations=1, start=start)
        given = 1 - CONTENT if start == "image" else None
        first[start] = stylize_tensors(CONTENT, STYLE, options, start_image=given)
    assert first["grey"].std() < first["noise"].std()
    for one, other in combinations(first.values(), 2):
        assert (one - other).abs().mean() > 0.02


def test_a_start_without_noise_is_the_image_itself() -> None:
    options = Options(size=96, iterations=1, scales=1, start="image", start_noise=0.0)
    assert torch.allclose(
        stylize_tensors(CONTENT, STYLE, options, start_image=1 - CONTENT).mean(),
        (1 - CONTENT).mean(),
        atol=1e-3,
    )


def test_the_objective_falls() -> None:
    totals: list[float] = []
    options = Options(size=64, iterations=40)
    stylize_tensors(
        CONTENT,
        STYLE,
        options,
        on_progress=lambda progress: totals.append(progress.losses["total"]),
    )
    finest = totals[-10:]
    assert finest[-1] < finest[0]
    assert min(finest) == pytest.approx(finest[-1], rel=0.1)


def test_more_content_weight_stays_nearer_to_the_content_image() -> None:
    small = torch.nn.functional.interpolate(CONTENT, (48, 64), mode="area")

    def distance(content_weight: float) -> float:
        style_weight = 1 - content_weight
        options = Options(
            size=64, iterations=30, content_weight=content_weight, style_weight=style_weight
        )
        return float((stylize_tensors(CONTENT, STYLE, options) - small).square().mean())

    assert distance(0.95) < distance(0.05)


def test_every_iteration_is_reported() -> None:
    reported: list[Progress] = []
    stylize_tensors(CONTENT, STYLE, Options(size=128, iterations=10), on_progress=reported.append)
    assert [each.iteration for each in reported] == list(range(1, 11))
    assert {each.iterations for each in reported} == {10}
    assert (reported[0].scale, reported[-1].scale) == (1, reported[-1].scales)
    assert reported[-1].work == 1.0
    works = [each.work for each in reported]
    assert works == sorted(works)


def test_losses_are_reported_by_term_and_by_layer() -> None:
    reported: list[Progress] = []
    stylize_tensors(CONTENT, STYLE, QUICK, on_progress=reported.append)
    losses, layers = reported[-1].losses, reported[-1].layers
    assert losses.keys() == {"content", "style", "tv", "gamut", "total"}
    assert losses["total"] == pytest.approx(sum(losses.values()) - losses["total"])
    assert list(layers["content"]) == ["relu4_2"]
    assert list(layers["style"]) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert sum(layers["style"].values()) == pytest.approx(losses["style"])


def test_a_preview_can_be_taken_at_any_iteration() -> None:
    run = Run(PAIR, QUICK)
    previews = [run.preview() for _ in run]
    assert all(((each >= 0) & (each <= 1)).all() for each in previews)
    assert previews[-1].shape == (1, 3, 48, 64)


def test_an_exception_of_the_progress_callback_ends_the_run() -> None:
    class Enough(Exception):
        pass

    def stop_at_three(progress: Progress) -> None:
        if progress.iteration == 3:
            raise Enough

    with pytest.raises(Enough):
        stylize_tensors(CONTENT, STYLE, QUICK, on_progress=stop_at_three)


@pytest.mark.parametrize("iterations", [1, 30])
def test_a_run_that_is_ended_early_has_its_picture_at_full_size(iterations: int) -> None:
    run = Run(PAIR, Options(size=128, iterations=40))
    for _ in range(iterations):
        progress = run.step()
    assert run.picture().shape == (1, 3, 96, 128)
    assert progress.iteration == iterations
    assert not run.is_done


def test_a_finished_run_refuses_another_step() -> None:
    run = Run(PAIR, QUICK)
    assert len(list(run)) == QUICK.iterations
    assert run.is_done
    assert list(run) == []
    with pytest.raises(RuntimeError, match="finished"):
        run.step()


def test_a_run_gives_the_picture_of_stylize() -> None:
    run = Run(PAIR, QUICK)
    for _ in run:
        pass
    assert torch.equal(run.picture(), stylize_tensors(CONTENT, STYLE, QUICK))


@pytest.mark.parametrize(("content", "style"), AWKWARD)
def test_plain_and_odd_images_give_a_picture(content: Tensor, style: Tensor) -> None:
    assert torch.isfinite(stylize_tensors(content, style, QUICK)).all()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (torch.rand(3, 64, 64), "shape"),
        (torch.rand(1, 1, 64, 64), "shape"),
        (torch.rand(2, 3, 64, 64), "shape"),
        (2 * torch.ones(1, 3, 64, 64), "between 0 and 1"),
        (torch.full((1, 3, 64, 64), torch.nan), "between 0 and 1"),
    ],
)
@pytest.mark.parametrize("which", ["content", "style"])
def test_a_tensor_that_is_not_an_image_is_refused_by_name(
    which: str, image: Tensor, says: str
) -> None:
    images = {"content": CONTENT, "style": STYLE, which: image}
    with pytest.raises(ValueError, match=rf"{which}: .*{says}"):
        stylize_tensors(images["content"], images["style"], QUICK)


class Random:
    """A backbone with random filters, which a test may break."""

    name, sha256 = "random", None

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        network = random_backbone(thinner=8)
        if self.broken:
            large = {
                layer: replace(each, weight=torch.full_like(each.weight, 1e30))
                for layer, each in network.convolutions.items()
            }
            network = replace(network, convolutions=large)
        return network.to(torch.device("cpu"), torch.float32)


def test_a_network_whose_features_overflow_raises_diverged() -> None:
    with pytest.raises(Diverged):
        stylize_tensors(CONTENT, STYLE, QUICK, backbone=Random(broken=True))


def test_updated_weights_change_the_objective_and_the_run_continues() -> None:
    run = Run(PAIR, Options(size=64, scale_iterations=(40,)))
    for _ in range(20):
        progress = run.step()
    style = progress.losses["style"]
    run.update_weights(style_weight=5.0, content_weight=0.0)
    progress = run.step()
    assert progress.losses["content"] == 0
    assert progress.losses["style"] == pytest.approx(10 * style, rel=0.1)
    *_, last = run
    assert last.iteration == 40
    assert last.losses["total"] < progress.losses["total"]


def test_updating_to_the_same_weights_leaves_the_run_as_it_is() -> None:
    undisturbed, run = (Run(PAIR, Options(size=64, scale_iterations=(9,))) for _ in range(2))
    for progress in run:
        run.update_weights(style_weight=0.5)
        assert progress == undisturbed.step()
    assert torch.equal(run.picture(), undisturbed.picture())


@pytest.mark.parametrize("weights", [{"style_weight": -1.0}, {"tv_weight": torch.nan}])
def test_invalid_weights_are_refused_by_name(weights: dict[str, float]) -> None:
    run = Run(PAIR, QUICK)
    run.step()
    with pytest.raises(OptionError, match=next(iter(weights))):
        run.update_weights(**weights)


@pytest.mark.parametrize("style_weight", [0.02, 0.3, 2.0])
def test_an_updated_objective_is_that_of_a_run_with_these_weights(style_weight: float) -> None:
    """Also if the content's colours depend on the weights, as with `whitened`."""
    options = Options(size=64, scale_iterations=(4,), start="noise")
    updated = Run(PAIR, replace(options, tv_weight=5.0))
    updated.step()
    start = updated.checkpoint()
    updated.update_weights(style_weight=style_weight, tv_weight=1.0)
    weights = replace(options, style_weight=style_weight)
    assert isinstance(start.state, lbfgs.State)
    resume = replace(start, options=weights, state=start.state.reset())
    fresh = Run(PAIR, weights, resume=resume)
    one, other = updated.step(), fresh.step()
    assert one.losses == other.losses
    assert torch.equal(updated.picture(), fresh.picture())


def test_a_scale_ends_early_where_the_objective_has_stalled() -> None:
    reported: list[Progress] = []
    options = Options(size=96, scale_iterations=(300, 10), stall_tolerance=0.02)
    stylize_tensors(CONTENT, STYLE, options, on_progress=reported.append)
    at_first = [each for each in reported if each.scale == 1]
    assert 10 < len(at_first) < 300
    lowest = [each.losses["total"] for each in at_first]
    assert min(lowest[:-10]) - min(lowest[-10:]) < 0.02 * min(lowest[:-10])
    assert reported[-1].scale == 2


def test_adam_lowers_the_objective_too() -> None:
    reported: list[Progress] = []
    options = Options(size=64, scale_iterations=(80,), optimiser="adam")
    stylize_tensors(CONTENT, STYLE, options, on_progress=reported.append)
    assert reported[-1].losses["total"] < 0.7 * reported[0].losses["total"]


def test_adam_does_not_jump_at_the_beginning_of_a_larger_scale() -> None:
    options = Options(size=64, scale_iterations=(20, 12), optimiser="adam", start="noise")
    run = Run(Inputs(textured(96, 128, 1), (textured(96, 96, 2),)), options)
    pictures = [run.preview() for progress in run if progress.scale == 2]
    leaps = [(later - picture).abs().max().item() for picture, later in pairwise(pictures)]
    assert max(leaps) < 4 * options.adam_step


def styles_apart(picture: Tensor) -> float:
    """How far the left half is from red and the right half from blue."""
    halves = picture.chunk(2, dim=3)
    return float(
        (halves[0][:, 0] - halves[0][:, 2]).mean() - (halves[1][:, 0] - halves[1][:, 2]).mean()
    )


RED = (0.2 * STYLE + torch.tensor([0.8, 0.1, 0.1]).view(1, 3, 1, 1)).clamp(0, 1)
BLUE = (0.2 * OTHER_STYLE + torch.tensor([0.1, 0.1, 0.8]).view(1, 3, 1, 1)).clamp(0, 1)


def test_each_style_is_painted_where_its_mask_is() -> None:
    masks = [left_half(CONTENT), 1 - left_half(CONTENT)]
    options = Options(size=64, iterations=30)
    apart = styles_apart(stylize_tensors(CONTENT, [RED, BLUE], options, masks=masks))
    mixed = styles_apart(stylize_tensors(CONTENT, [RED, BLUE], options))
    assert apart > mixed + 0.5


@pytest.mark.parametrize("blend", get_args(Blend))
def test_the_heavier_style_shows_more(blend: Blend) -> None:
    def redness(weights: tuple[float, float]) -> float:
        options = Options(size=64, iterations=20, style_weights=weights, style_blend=blend)
        picture = stylize_tensors(CONTENT, [RED, BLUE], options)
        return float((picture[:, 0] - picture[:, 2]).mean())

    assert redness((3.0, 1.0)) > redness((1.0, 1.0)) > redness((1.0, 3.0))


def test_a_region_can_be_a_few_rows_that_pooling_drops() -> None:
    content = textured(43, 64, 4)
    caption, edge = torch.zeros(1, 1, 43, 64), torch.zeros(1, 1, 61, 64)
    caption[..., 40:, :] = edge[..., 56:, :] = 1.0
    picture = stylize_tensors(
        content,
        [STYLE, textured(61, 64, 5)],
        QUICK,
        masks=[1 - caption, caption],
        style_masks=[torch.ones(1, 1, 80, 100), edge],
    )
    assert picture.isfinite().all()


def test_a_style_mask_excludes_the_rest_of_the_style_image() -> None:
    """Half of the style image is black. If it is masked out, the picture has no dark parts."""
    half_black = torch.cat([RED, torch.zeros_like(RED)], dim=3)
    options = Options(size=64, iterations=20)
    whole = stylize_tensors(CONTENT, half_black, options)
    part = stylize_tensors(CONTENT, half_black, options, style_masks=[left_half(half_black)])
    assert part.mean() > whole.mean() + 0.05


def test_where_the_content_map_is_black_the_content_does_not_count() -> None:
    """From a grey start, only the part that counts appears."""
    options = Options(
        size=64, iterations=30, start="grey", style_weight=0.0, content_layers={"relu1_1": 1.0}
    )
    picture = stylize_tensors(CONTENT, CONTENT, options, content_map=left_half(CONTENT))
    error = (picture - torch.nn.functional.interpolate(CONTENT, (48, 64), mode="area")).square()
    held, free = error.chunk(2, dim=3)
    assert held.mean() < 0.5 * free.mean()


def chroma(image: Tensor) -> Tensor:
    return image - luminance(image)


def test_by_luminance_the_content_s_colours_stay() -> None:
    grey_content = luminance(CONTENT).contiguous()
    options = Options(size=64, iterations=20, colour="luminance")
    assert chroma(stylize_tensors(grey_content, RED, options)).abs().max() < 1e-3
    run = Run(Inputs(grey_content, (RED,)), options)
    for _ in range(6):
        run.step()
    assert chroma(run.preview()).abs().max() < 1e-3


def test_by_statistics_the_pastiche_has_the_content_s_mean_colour() -> None:
    def off(colour: Colour) -> float:
        picture = stylize_tensors(CONTENT, RED, Options(size=64, iterations=30, colour=colour))
        return float((picture.mean((2, 3)) - CONTENT.mean((2, 3))).abs().max())

    assert off("statistics") < 0.05 < off("style")


def test_by_palette_the_pastiche_has_the_style_s_mean_colour() -> None:
    def off(colour: Colour) -> float:
        picture = stylize_tensors(
            CONTENT, RED, Options(size=64, iterations=30, colour=colour, content_weight=2.0)
        )
        return float((picture.mean((2, 3)) - RED.mean((2, 3))).abs().max())

    assert off("palette") < 0.5 * off("style")


def test_by_palette_each_region_starts_in_the_colours_of_its_style() -> None:
    masks = [left_half(CONTENT), 1 - left_half(CONTENT)]
    options = Options(size=64, iterations=1, scales=1, start_noise=0.0, colour="palette")
    assert styles_apart(stylize_tensors(CONTENT, [RED, BLUE], options, masks=masks)) > 0.9


def test_by_palette_a_given_start_keeps_its_colours() -> None:
    options = Options(
        size=96, iterations=1, scales=1, start="image", start_noise=0.0, colour="palette"
    )
    picture = stylize_tensors(CONTENT, RED, options, start_image=CONTENT)
    assert (picture.mean() - CONTENT.mean()).abs() < 1e-2


def distance_in_decibels(picture: Tensor, other: Tensor) -> float:
    """The peak signal-to-noise ratio."""
    return float(-10 * (picture - other).square().mean().clamp_min(1e-12).log10())


@pytest.mark.slow
@pytest.mark.parametrize("weights", [{"content_weight": 1e6}, {"style_weight": 0.0}], ids=str)
@pytest.mark.parametrize("backbone", [None, Random()], ids=["whitened", "random"])
def test_without_style_the_pastiche_is_the_content_image(
    weights: dict[str, float], backbone: BackboneSource | None
) -> None:
    """It has no grain and is not smoothed."""
    options = Options(size=128, iterations=30, **weights)  # type: ignore[arg-type]
    picture = stylize_tensors(CONTENT, STYLE, options, backbone=backbone)
    assert distance_in_decibels(picture, CONTENT) > 40


@pytest.mark.slow
@pytest.mark.parametrize("weights", [(0.01, 0.5), (0.5, 10.0), (0.5, 100.0)], ids=str)
@pytest.mark.parametrize("backbone", [None, Random()], ids=["whitened", "random"])
@pytest.mark.parametrize(
    "schedule",
    [
        {"size": 96},
        {"size": 128, "scale_factor": 1.4142, "lbfgs_history": 1},
    ],
    ids=str,
)
def test_the_objective_never_rises_above_its_first_value_at_a_scale(
    weights: tuple[float, float], backbone: BackboneSource | None, schedule: dict[str, Any]
) -> None:
    """For any style weight, and right after a change of scale."""
    content_weight, style_weight = weights
    options = Options(
        content_weight=content_weight, style_weight=style_weight, iterations=24, **schedule
    )
    began: dict[int, float] = {}
    run = Run(PAIR, options, backbone=backbone)
    for progress in run:
        state = run.checkpoint().state
        assert isinstance(state, lbfgs.State)
        accepted = state.value.item()
        if progress.scale not in began:
            began[progress.scale] = accepted
            assert accepted == pytest.approx(progress.losses["total"])
        assert accepted <= began[progress.scale]
    assert accepted < 0.9 * began[progress.scale]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {**PRESETS["paper"], **QUICKLY},
        {**PRESETS["neural-style"], **QUICKLY, "backbone": "whitened", "start": "mean"},
        {"style_statistic": "gram"},
        {"colour": "palette"},
        {"resampling": "bilinear"},
        {"pooling": "max"},
        {"padding": "reflect"},
        {"padding": "zeros"},
        {"gradient_normalisation": True},
        {"tv_norm": "absolute"},
        {"style_scale": 0.5},
        {"style_scale": 4.0},
        {"style_layers": {"relu1_1": 1.0}, "content_layers": {"relu2_2": 1.0}},
        {"style_layers": {"relu5_4": 1.0}},
        {"content_weight": 0.0},
        {"style_weight": 0.0},
        {"scale_factor": 1.4142, "scales": 8},
        {"lbfgs_history": 1},
        {"precision": "float32"},
        {"colour": "statistics", "tv_weight": 1e6},
    ],
    ids=str,
)
def test_every_option_lowers_its_objective_and_gives_a_picture(options: dict[str, Any]) -> None:
    reported: list[Progress] = []
    quick: dict[str, Any] = {**QUICKLY, "start": "noise"}
    chosen = Options(**(quick | options))
    picture = stylize_tensors(CONTENT, STYLE, chosen, on_progress=reported.append)
    assert torch.isfinite(picture).all()
    finest = reported[-1].scale
    last = [each.losses["total"] for each in reported if each.scale == finest]
    assert last[-1] <= last[0]


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"colour": "luminance"}, {"colour": "statistics"}])
@pytest.mark.parametrize(("content", "style"), AWKWARD)
def test_odd_images_can_be_painted_in_regions(
    content: Tensor, style: Tensor, options: dict[str, Any]
) -> None:
    masks = [left_half(content), torch.ones_like(left_half(content))]
    picture = stylize_tensors(
        content, [style, STYLE], Options(size=48, iterations=6, **options), masks=masks
    )
    assert torch.isfinite(picture).all()


def test_a_run_that_is_no_longer_used_is_freed_at_once() -> None:
    """It must not wait for garbage collection, because on a GPU it has gigabytes."""
    run = Run(PAIR, Options(size=32, scale_iterations=(2,)))
    run.step()
    freed = weakref.ref(run)
    gc.disable()
    try:
        del run
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_paints_in_a_context_without_gradients(mode: type) -> None:
    with mode():
        content, style = CONTENT.clone(), STYLE.clone()
        picture = stylize_tensors(content, style, QUICK)
        run = Run(Inputs(content, (style,)), QUICK)
        for _ in run:
            pass
    assert torch.equal(picture, stylize_tensors(CONTENT, STYLE, QUICK))
    assert torch.equal(picture, run.picture())


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_weights_can_be_updated_in_a_context_without_gradients(optimiser: Any) -> None:
    options = replace(QUICK, optimiser=optimiser)
    with torch.inference_mode():
        run = Run(PAIR, options)
        for _ in run:
            run.update_weights(style_weight=0.8)
    expected = Run(PAIR, options)
    for _ in expected:
        expected.update_weights(style_weight=0.8)
    assert torch.equal(run.picture(), expected.picture())


def test_it_keeps_no_history_of_an_image_that_requires_gradients() -> None:
    content = CONTENT.clone().requires_grad_()
    assert not stylize_tensors(content, STYLE, QUICK).requires_grad


@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_default_dtype_does_not_change_the_picture(start: Start) -> None:
    options = replace(QUICK, start=start)
    expected = stylize_tensors(CONTENT, STYLE, options)
    torch.set_default_dtype(torch.float64)
    try:
        picture = stylize_tensors(CONTENT, STYLE, options)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(picture, expected)


def test_it_paints_with_another_default_device() -> None:
    with torch.device("meta"):
        picture = stylize_tensors(CONTENT, STYLE, QUICK)
    assert torch.equal(picture, stylize_tensors(CONTENT, STYLE, QUICK))


def test_it_paints_where_the_program_has_set_a_precision_of_convolutions() -> None:
    cudnn: Any = torch.backends.cudnn
    before, cudnn.conv.fp32_precision = cudnn.conv.fp32_precision, "ieee"
    try:
        assert stylize_tensors(CONTENT, STYLE, QUICK).shape == (1, 3, 48, 64)
        assert cudnn.conv.fp32_precision == "ieee"
    finally:
        cudnn.conv.fp32_precision = before


@pytest.mark.parametrize("device", [torch.device("meta"), "meta", "gpu"])
def test_a_device_that_cannot_paint_is_refused(device: torch.device | str) -> None:
    with pytest.raises(OptionError, match=f"must be a CPU or a CUDA device, not {device}"):
        stylize_tensors(CONTENT, STYLE, QUICK, device=device)


@pytest.mark.parametrize("device", [1.5, f"cuda:{torch.cuda.device_count()}"])
def test_a_device_that_does_not_exist_is_refused(device: Any) -> None:
    with pytest.raises(OptionError, match=f"^device: must .*{device}"):
        stylize_tensors(CONTENT, STYLE, QUICK, device=device)


def test_a_device_is_given_by_its_name() -> None:
    by_name = stylize_tensors(CONTENT, STYLE, QUICK, device="cpu")
    assert torch.equal(by_name, stylize_tensors(CONTENT, STYLE, QUICK, device=torch.device("cpu")))


def test_without_style_a_grey_start_stays_free_of_noise_at_every_scale() -> None:
    options = Options(size=64, scale_iterations=(1, 1), start="grey", style_weight=0.0)
    prepared = PreparedInputs.prepare(PAIR.checked(options), options, choose_backbone("whitened"))
    image = prepared.start((24, 32), options)
    larger = prepared.enlarge(image, (48, 64), options, 1)
    torch.testing.assert_close(larger, torch.full((1, 3, 48, 64), 0.5))
