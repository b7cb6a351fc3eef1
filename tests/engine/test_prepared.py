"""Prepared inputs are shared by several runs."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine.backbone import Backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.prepared import PreparedInputs, PreparedInputsCache
from pastiche.engine.run import Run
from pastiche.engine.whitened import Whitened
from pastiche.options import LayerName
from tests.engine.pictures import CONTENT, OTHER_STYLE, STYLE

pytestmark = pytest.mark.usefixtures("thin_backbone")

PAIR = Inputs(CONTENT, (STYLE,))
QUICK = Options(size=32, iterations=2, backbone="whitened")


class Counted(Whitened):
    """Counts how often a network is fitted."""

    count = 0

    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        type(self).count += 1
        return super().network(images, layers, options)


class Recounted(Counted):
    """Another network with the same name."""


@pytest.fixture(autouse=True)
def _reset_count() -> None:
    Counted.count = Recounted.count = 0


def painted(cache: PreparedInputsCache, inputs: Inputs = PAIR, options: Options = QUICK) -> Tensor:
    run = Run(inputs, options, backbone=Counted(), cache=cache)
    for _ in run:
        pass
    return run.picture()


def test_runs_that_differ_in_weights_and_seed_share_one_network() -> None:
    cache = PreparedInputsCache()
    painted(cache)
    painted(cache, options=replace(QUICK, content_weight=0.9, seed=5, iterations=3))
    assert Counted.count == 1


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        (Inputs(CONTENT, (OTHER_STYLE,)), QUICK),
        (Inputs(STYLE, (CONTENT,)), QUICK),
        (PAIR, replace(QUICK, size=48)),
        (PAIR, replace(QUICK, pooling="max")),
    ],
)
def test_other_images_sizes_and_networks_are_prepared_separately(
    inputs: Inputs, options: Options
) -> None:
    cache = PreparedInputsCache()
    painted(cache)
    painted(cache, inputs, options)
    assert Counted.count == 2


def test_runs_with_another_blend_share_one_network() -> None:
    cache, pair = PreparedInputsCache(), Inputs(CONTENT, (STYLE, OTHER_STYLE))
    painted(cache, pair)
    blended = replace(QUICK, style_blend="statistics")
    picture = painted(cache, pair, blended)
    assert Counted.count == 1
    assert torch.equal(picture, painted(PreparedInputsCache(), pair, blended))


def test_images_may_be_overwritten_while_a_run_lasts() -> None:
    cache, options = PreparedInputsCache(), replace(QUICK, size=64, scale_iterations=(2, 2))
    expected = painted(PreparedInputsCache(), options=options)
    content, style = CONTENT.clone(), STYLE.clone()
    run = Run(Inputs(content, (style,)), options, cache=cache)
    run.step()
    content.zero_()
    style.zero_()
    run.checkpoint().check(PAIR, options, Whitened())
    for _ in run:
        pass
    assert torch.equal(run.picture(), expected)
    again = Run(PAIR, options, cache=cache)
    for _ in again:
        pass
    assert torch.equal(again.picture(), expected)


def test_sources_without_a_digest_are_prepared_separately() -> None:
    """A custom network may have other weights under the same name."""
    cache = PreparedInputsCache()
    for source in (Counted(), Recounted()):
        cache.prepare(PAIR, QUICK, source)
    assert Counted.count + Recounted.count == 2


def test_a_normalisation_with_other_layers_is_prepared_separately() -> None:
    """`paper` has its own style layers, and enlarges a small style image."""
    cache = PreparedInputsCache()
    painted(cache)
    paper = replace(QUICK, normalisation="paper", style_statistic="gram")
    assert torch.equal(painted(cache, options=paper), painted(PreparedInputsCache(), options=paper))


def test_the_picture_is_the_same_bytes_with_cached_inputs() -> None:
    cache = PreparedInputsCache()
    assert torch.equal(painted(cache), painted(cache))
    assert torch.equal(painted(cache), painted(PreparedInputsCache()))


def test_only_the_newest_are_cached() -> None:
    cache = PreparedInputsCache(size=1)
    painted(cache)
    painted(cache, Inputs(CONTENT, (OTHER_STYLE,)))
    painted(cache)
    assert Counted.count == 3


def test_a_scale_begins_with_the_fine_detail_of_the_first_picture() -> None:
    options = replace(QUICK, start_noise=0.0)
    prepared = PreparedInputs.prepare(PAIR, options, Counted())
    coarse, full = prepared.start((16, 16), options), prepared.start((32, 32), options)
    torch.testing.assert_close(prepared.enlarge(coarse, (32, 32), options, 1), full)


def test_a_scale_begins_with_noise_where_the_first_picture_has_no_detail() -> None:
    options = replace(QUICK, start="grey", start_noise=0.1)
    prepared = PreparedInputs.prepare(PAIR, options, Counted())
    grey = torch.full((1, 3, 16, 16), 0.5)
    larger = prepared.enlarge(grey, (32, 32), options, 1)
    assert larger.std() == pytest.approx(0.1, rel=0.1)


def test_cached_images_are_counted_once_and_can_be_cleared() -> None:
    cache = PreparedInputsCache()
    assert cache.image_bytes == 0
    painted(cache)
    # The content image is there in the styles' palette too.
    assert cache.image_bytes == 2 * CONTENT.nbytes + STYLE.nbytes
    cache.clear()
    assert cache.image_bytes == 0
    painted(cache)
    assert Counted.count == 2
