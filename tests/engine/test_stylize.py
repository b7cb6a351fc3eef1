"""Painting from end to end, with the backbone that needs no download."""

import pytest
import torch
from torch import Tensor

from pastiche import Options, stylize
from pastiche.engine.backbone import Backbone
from pastiche.engine.progress import Diverged, Progress
from pastiche.engine.stylize import Stop, paint
from tests.engine.test_whitened import textured

CONTENT, STYLE = textured(96, 128, 1), textured(80, 100, 2)
QUICK = Options(size=64, iterations=12)


def test_the_pastiche_has_the_content_s_shape_and_the_size_asked_for() -> None:
    picture = stylize(CONTENT, STYLE, QUICK)
    assert picture.shape == (1, 3, 48, 64)
    assert picture.dtype == torch.float32
    assert ((picture >= 0) & (picture <= 1)).all()


def test_a_small_content_image_is_painted_larger() -> None:
    assert stylize(textured(24, 32, 1), STYLE, QUICK).shape == (1, 3, 48, 64)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, other = (stylize(CONTENT, STYLE, QUICK) for _ in range(2))
    assert torch.equal(one, other)


def test_another_seed_differs_from_a_noise_start() -> None:
    one, other = (
        stylize(CONTENT, STYLE, Options(size=64, iterations=12, start="noise", seed=seed))
        for seed in (0, 1)
    )
    assert not torch.equal(one, other)


def test_each_start_begins_elsewhere() -> None:
    first: dict[str, Tensor] = {}
    for start in ("content", "noise", "grey"):
        options = Options(size=64, iterations=1, start=start)
        first[start] = stylize(CONTENT, STYLE, options)
    assert not torch.equal(first["content"], first["noise"])
    assert not torch.equal(first["content"], first["grey"])
    assert first["grey"].std() < first["noise"].std()


def test_the_objective_falls() -> None:
    totals: list[float] = []
    options = Options(size=64, iterations=60)
    stylize(CONTENT, STYLE, options, watch=lambda progress: totals.append(progress.losses["total"]))
    finest = totals[-10:]
    assert finest[-1] < totals[0]
    assert min(finest) == pytest.approx(finest[-1], rel=0.1)


def test_more_content_weight_stays_nearer_to_the_content_image() -> None:
    def distance(content_weight: float) -> float:
        style_weight = 1 - content_weight
        options = Options(
            size=128, iterations=40, content_weight=content_weight, style_weight=style_weight
        )
        return float((stylize(CONTENT, STYLE, options) - CONTENT).square().mean())

    assert distance(0.95) < distance(0.05)


def test_every_iteration_is_told() -> None:
    told: list[Progress] = []
    stylize(CONTENT, STYLE, Options(size=128, iterations=10), watch=told.append)
    assert [each.iteration for each in told] == list(range(1, 11))
    assert {each.iterations for each in told} == {10}
    assert (told[0].scale, told[-1].scale) == (1, told[-1].scales)
    assert told[-1].work == 1.0
    works = [each.work for each in told]
    assert works == sorted(works)


def test_the_losses_told_are_those_of_the_api() -> None:
    told: list[Progress] = []
    stylize(CONTENT, STYLE, QUICK, watch=told.append)
    losses = told[-1].losses
    assert losses.keys() == {"content", "style", "tv", "total"}
    assert losses["total"] >= losses["content"] + losses["style"] + losses["tv"]


def test_a_preview_can_be_taken_at_any_iteration() -> None:
    previews: list[Tensor] = []
    stylize(CONTENT, STYLE, QUICK, watch=lambda progress: previews.append(progress.picture()))
    assert all(((each >= 0) & (each <= 1)).all() for each in previews)
    assert previews[-1].shape == (1, 3, 48, 64)


def test_a_watcher_s_exception_ends_the_painting() -> None:
    class Enough(Exception):
        pass

    def watch(progress: Progress) -> None:
        if progress.iteration == 3:
            raise Enough

    with pytest.raises(Enough):
        stylize(CONTENT, STYLE, QUICK, watch=watch)


@pytest.mark.parametrize("iterations", [1, 30])
def test_a_stop_ends_with_the_picture_as_it_stands_in_full_size(iterations: int) -> None:
    painting = paint(CONTENT, STYLE, Options(size=128, iterations=40))
    for _ in range(iterations):
        progress = next(painting)
    with pytest.raises(StopIteration) as end:
        painting.send(Stop())
    picture: Tensor = end.value.value
    assert picture.shape == (1, 3, 96, 128)
    assert progress.iteration == iterations


def test_a_painting_that_is_closed_is_over() -> None:
    painting = paint(CONTENT, STYLE, QUICK)
    next(painting)
    painting.close()
    assert list(painting) == []


@pytest.mark.parametrize(
    ("content", "style"),
    [
        pytest.param(torch.full((1, 3, 64, 64), 0.5), STYLE, id="plain content"),
        pytest.param(CONTENT, torch.zeros(1, 3, 64, 64), id="black style"),
        pytest.param(torch.ones(1, 3, 32, 32), torch.ones(1, 3, 32, 32), id="both white"),
        pytest.param(textured(16, 16, 3), textured(16, 16, 4), id="16 pixels"),
        pytest.param(textured(16, 320, 3), textured(320, 16, 4), id="20 to 1"),
    ],
)
def test_images_with_little_in_them_give_a_picture(content: Tensor, style: Tensor) -> None:
    assert torch.isfinite(stylize(content, style, QUICK)).all()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (torch.rand(3, 64, 64), "shape"),
        (torch.rand(1, 1, 64, 64), "shape"),
        (torch.rand(2, 3, 64, 64), "shape"),
        (2 * torch.ones(1, 3, 64, 64), "0 to 1"),
        (torch.full((1, 3, 64, 64), torch.nan), "0 to 1"),
    ],
)
@pytest.mark.parametrize("which", ["content", "style"])
def test_a_tensor_that_is_no_image_is_refused_by_name(which: str, image: Tensor, says: str) -> None:
    images = {"content": CONTENT, "style": STYLE, which: image}
    with pytest.raises(ValueError, match=rf"{which}: .*{says}"):
        stylize(images["content"], images["style"], QUICK)


def test_a_network_that_answers_with_nothing_finite_ends_with_a_reason() -> None:
    class Broken:
        name, sha256 = "broken", None

        def network(self, content: Tensor, style: Tensor) -> Backbone:
            from tests.engine.plain import random_backbone

            network = random_backbone()
            for convolution in network.convolutions.values():
                convolution.weight.fill_(torch.nan)
            return network

    with pytest.raises(Diverged):
        stylize(CONTENT, STYLE, QUICK, backbone=Broken())
