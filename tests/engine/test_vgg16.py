"""VGG-16 with the published weights that set-up has fetched."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from pastiche import OptionError, Options, stylize_tensors
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.images import read_image
from pastiche.engine.weights import vgg16
from pastiche.engine.weights.files import MissingWeights
from pastiche.options import VGG16_LAYERS, LayerName
from tests.engine.pictures import CONTENT

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
PHOTOGRAPH = Path(__file__).parents[2] / "examples/images/content/harbour.jpg"


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    with Image.open(PHOTOGRAPH) as opened:
        return read_image(opened.convert("RGB").resize((192, 144)))


def network(vgg16_weights: Path, image: Tensor, **options: Any) -> Backbone:
    source = choose_backbone("vgg16", vgg16_weights.parent)
    return source.network([image], VGG16_LAYERS, Options(**options))


def test_its_sha256_is_the_digest_over_the_tensors(vgg16_weights: Path) -> None:
    source = choose_backbone("vgg16", vgg16_weights.parent)
    assert (source.name, source.sha256) == ("vgg16", vgg16.DIGEST)


def test_its_first_filters_are_those_that_were_published(vgg16_weights: Path) -> None:
    first = vgg16.load(vgg16_weights)["conv1_1.weight"]
    published = torch.tensor([0.42947057, 0.11727387, 0.03401296])
    assert torch.allclose(first[:3, 0, 0, 0], published)


def test_it_has_thirteen_layers(vgg16_weights: Path, photograph: Tensor) -> None:
    assert tuple(network(vgg16_weights, photograph).convolutions) == VGG16_LAYERS
    features = network(vgg16_weights, photograph).features(photograph, VGG16_LAYERS)
    assert list(features) == list(VGG16_LAYERS)
    assert features["relu5_3"].shape == (1, 512, 144 // 16, 192 // 16)


@pytest.mark.parametrize(
    ("layer", "mean"), [("relu1_1", 24.0), ("relu3_1", 250.0), ("relu5_1", 18.0)]
)
def test_its_activations_on_a_photograph_have_the_expected_strength(
    layer: LayerName, mean: float, vgg16_weights: Path, photograph: Tensor
) -> None:
    trained = network(vgg16_weights, photograph, pooling="max", padding="zeros")
    assert mean / 2 < trained.features(photograph, {layer})[layer].mean() < 2 * mean


def test_it_sees_blue_first_in_0_to_255_less_the_mean(
    vgg16_weights: Path, photograph: Tensor
) -> None:
    ours = network(vgg16_weights, photograph, padding="zeros").features(photograph, {"relu1_1"})
    tensors = vgg16.load(vgg16_weights)
    means = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    expected = torch.nn.functional.conv2d(
        255 * photograph.flip(1) - means,
        tensors["conv1_1.weight"],
        tensors["conv1_1.bias"],
        padding=1,
    ).relu()
    assert (ours["relu1_1"] - expected).norm() < 1e-5 * expected.norm()


def test_auto_chooses_it_without_vgg19(vgg16_weights: Path, tmp_path: Path) -> None:
    (tmp_path / vgg16_weights.name).symlink_to(vgg16_weights)
    assert choose_backbone("auto", tmp_path).name == "vgg16"


def test_a_truncated_file_is_refused_by_name(vgg16_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / vgg16_weights.name
    path.write_bytes(vgg16_weights.read_bytes()[:1_000_000])
    with pytest.raises(MissingWeights, match=rf"{path} is damaged"):
        choose_backbone("vgg16", tmp_path)
    assert choose_backbone("auto", tmp_path).name == "whitened"


def test_other_weights_under_its_name_are_refused_by_their_digest(
    vgg16_weights: Path, tmp_path: Path
) -> None:
    tensors = {name: tensor.numpy() for name, tensor in vgg16.load(vgg16_weights).items()}
    vgg16.save(
        tensors | {"conv5_3.bias": tensors["conv5_3.bias"] + 1}, tmp_path / vgg16_weights.name
    )
    with pytest.raises(MissingWeights, match="not with dd21191f"):
        choose_backbone("vgg16", tmp_path)


def test_it_paints(vgg16_weights: Path, photograph: Tensor) -> None:
    options = Options(size=64, iterations=4, scales=1)
    source = choose_backbone("vgg16", vgg16_weights.parent)
    picture = stylize_tensors(photograph, photograph.flip(3), options, backbone=source)
    assert picture.shape == (1, 3, 48, 64)
    assert torch.isfinite(picture).all()


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_a_layer_that_it_lacks_is_refused_before_it_paints(
    name: str, vgg16_weights: Path, photograph: Tensor
) -> None:
    options = Options(size=64, **{name: {"relu3_4": 1.0}})  # type: ignore[arg-type]
    source = choose_backbone("vgg16", vgg16_weights.parent)
    with pytest.raises(OptionError, match="relu3_4, which the vgg16 backbone does not have"):
        stylize_tensors(photograph, photograph, options, backbone=source)


@pytest.mark.slow
def test_a_style_image_of_one_colour_gives_its_colour(vgg16_weights: Path) -> None:
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(1, 3, 96, 96)
    source = choose_backbone("vgg16", vgg16_weights.parent)
    picture = stylize_tensors(CONTENT, red, Options(size=48, iterations=200), backbone=source)
    means = picture.mean(dim=(0, 2, 3))
    assert means[0] > 1.5 * means[1:].max()
