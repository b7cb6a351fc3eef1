"""What is kept from one painting to the next."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine.backbone import Backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.scene import Scene
from pastiche.engine.scenes import Scenes
from pastiche.engine.stylize import followed, paint
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


@pytest.fixture(autouse=True)
def _from_nothing() -> None:
    Counted.count = 0


def painted(scenes: Scenes, inputs: Inputs = PAIR, options: Options = QUICK) -> Tensor:
    return followed(paint(inputs, options, backbone=Counted(), scenes=scenes), lambda _: None)


def test_jobs_that_differ_in_weights_and_seed_share_one_network() -> None:
    scenes = Scenes()
    painted(scenes)
    painted(scenes, options=replace(QUICK, content_weight=0.9, seed=5, iterations=3))
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
def test_other_images_sizes_and_networks_are_looked_at_anew(
    inputs: Inputs, options: Options
) -> None:
    scenes = Scenes()
    painted(scenes)
    painted(scenes, inputs, options)
    assert Counted.count == 2


def test_a_normalisation_that_looks_at_other_layers_has_a_scene_of_its_own() -> None:
    """`paper` has its own style layers, and enlarges a small style image."""
    scenes = Scenes()
    painted(scenes)
    paper = replace(QUICK, normalisation="paper", style_statistic="gram")
    assert torch.equal(painted(scenes, options=paper), painted(Scenes(), options=paper))


def test_the_picture_is_the_same_bytes_whether_its_scene_was_kept_or_not() -> None:
    scenes = Scenes()
    assert torch.equal(painted(scenes), painted(scenes))
    assert torch.equal(painted(scenes), painted(Scenes()))


def test_only_the_newest_are_kept() -> None:
    scenes = Scenes(most=1)
    painted(scenes)
    painted(scenes, Inputs(CONTENT, (OTHER_STYLE,)))
    painted(scenes)
    assert Counted.count == 3


def test_a_scale_begins_with_the_fine_detail_of_the_first_picture() -> None:
    options = replace(QUICK, start_noise=0.0)
    scene = Scene.of(PAIR, options, Counted())
    coarse, full = scene.start((16, 16), options), scene.start((32, 32), options)
    torch.testing.assert_close(scene.enlarged(coarse, (32, 32), options, 1), full)


def test_a_scale_begins_with_noise_where_the_first_picture_has_no_detail() -> None:
    options = replace(QUICK, start="grey", start_noise=0.1)
    scene = Scene.of(PAIR, options, Counted())
    grey = torch.full((1, 3, 16, 16), 0.5)
    larger = scene.enlarged(grey, (32, 32), options, 1)
    assert larger.std() == pytest.approx(0.1, rel=0.1)


def test_the_images_of_kept_scenes_are_counted_once_and_can_be_forgotten() -> None:
    scenes = Scenes()
    assert scenes.image_bytes == 0
    painted(scenes)
    # The content image is kept in the styles' palette too.
    assert scenes.image_bytes == 2 * CONTENT.nbytes + STYLE.nbytes
    scenes.forget()
    assert scenes.image_bytes == 0
    painted(scenes)
    assert Counted.count == 2
