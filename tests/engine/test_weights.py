"""Loading pretrained weights from files in the real layouts, and choosing a backbone."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import VGG19_Weights, vgg19

from pastiche import Options, stylize_tensors
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbone_sources import (
    Pretrained,
    choose_backbone,
    load,
)
from pastiche.engine.weights.files import (
    FILES,
    VGG19,
    VGG19_CAFFE,
    MissingWeights,
    WeightsFile,
    sha256_of,
    weights_folder,
    weights_folders,
)
from pastiche.options import BackboneChoice


def test_the_url_and_the_hash_are_torchvision_s() -> None:
    assert VGG19.url == VGG19_Weights.IMAGENET1K_V1.url
    assert VGG19.name == f"vgg19-{VGG19.digest}.pth"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in torchvision's layout, with random filters and without the classifier."""
    torch.manual_seed(0)
    state = {
        name: tensor
        for name, tensor in vgg19(weights=None).state_dict().items()
        if name.startswith("features")
    }
    folder = tmp_path_factory.mktemp("weights")
    torch.save(state, folder / VGG19.name)
    return folder


def prefix(weights: Path) -> str:
    """The beginning of the hash of the test's file."""
    return sha256_of(weights / VGG19.name)[:8]


def chosen(weights: Path) -> Pretrained:
    file = replace(VGG19, digest=prefix(weights))
    return Pretrained("vgg19", weights / VGG19.name, file)


def network_of(source: Pretrained, **options: Any) -> Backbone:
    return source.network([image(0), image(1)], {"relu5_1"}, Options(**options))


def image(seed: int) -> Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def as_torchvision_has_it(weights: Path, layers: int) -> torch.nn.Sequential:
    """The network's first layers, with the filters of the test's file."""
    whole = vgg19(weights=None)
    whole.load_state_dict(torch.load(weights / VGG19.name, weights_only=True), strict=False)
    first: torch.nn.Sequential = whole.features[:layers]
    return first


def prepared(images: Tensor) -> Tensor:
    """An image, prepared as in torchvision's documentation."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (images - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)


@pytest.mark.slow
def test_padded_with_zeros_and_max_pooled_it_is_torchvision_s_network(weights: Path) -> None:
    network = network_of(chosen(weights), padding="zeros", pooling="max")
    with torch.no_grad():
        expected = as_torchvision_has_it(weights, 30)(prepared(image(0)))
        ours = network.features(image(0), {"relu5_1"})["relu5_1"]
    assert (ours - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.slow
def test_the_caffe_network_sees_blue_first_in_0_to_255_less_the_mean(weights: Path) -> None:
    file = replace(VGG19_CAFFE, digest=prefix(weights))
    source = Pretrained("vgg19-caffe", weights / VGG19.name, file)
    ours = network_of(source, padding="zeros").features(image(0), {"relu1_1"})["relu1_1"]
    blue_first = 255 * image(0).flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = as_torchvision_has_it(weights, 2)(blue_first)
    assert (ours - expected).norm() < 1e-5 * expected.norm()


@pytest.fixture
def published(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the test's file the published one of both backbones."""
    for name, file in list(FILES.items()):
        if file.name.endswith(".pth"):
            monkeypatch.setitem(FILES, name, replace(file, digest=prefix(weights)))


@pytest.mark.usefixtures("published")
def test_auto_chooses_vgg19_if_its_file_exists(weights: Path, tmp_path: Path) -> None:
    assert choose_backbone("auto", weights).name == "vgg19"
    assert choose_backbone("auto", tmp_path).name == "whitened"
    assert choose_backbone("whitened", weights).name == "whitened"


@pytest.mark.usefixtures("published")
def test_weights_are_found_in_several_folders(weights: Path, tmp_path: Path) -> None:
    assert choose_backbone("auto", Path(f"{tmp_path}:{weights}")).name == "vgg19"


def test_auto_skips_a_damaged_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / VGG19.name).write_bytes(b"cut off")
    assert choose_backbone("auto", tmp_path).name == "whitened"
    assert str(tmp_path / VGG19.name) in caplog.text


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(("choice", "file"), [("vgg19", VGG19), ("vgg19-caffe", VGG19_CAFFE)])
def test_each_pretrained_backbone_is_looked_for_under_its_published_name(
    choice: BackboneChoice, file: WeightsFile, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / file.name).symlink_to(weights / VGG19.name)
    source = choose_backbone(choice, tmp_path)
    assert (source.name, source.sha256) == (choice, sha256_of(tmp_path / file.name))


def test_a_missing_file_is_reported_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="make weights"):
        choose_backbone("vgg19", tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a file of weights", pytest.param(None, id="another network")],
)
def test_a_file_that_is_not_a_vgg19_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / VGG19.name
    if content is None:
        torch.save({"features.0.weight": torch.zeros(1)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(MissingWeights, match=re.escape(str(path))):
        load(path, {"relu5_1"})


def test_a_truncated_file_is_refused(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / VGG19.name
    path.write_bytes((weights / VGG19.name).read_bytes()[:1_000_000])
    with pytest.raises(MissingWeights, match="damaged"):
        load(path, {"relu5_1"})


def test_another_file_of_the_same_layout_is_refused_by_its_hash(weights: Path) -> None:
    with pytest.raises(MissingWeights, match=f"begins with {prefix(weights)}, not with dcbb9e9d"):
        choose_backbone("vgg19", weights)


def test_the_environment_sets_the_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", f"{tmp_path}:/opt/weights")
    assert weights_folder() == tmp_path
    assert weights_folders() == [tmp_path, Path("/opt/weights")]


def test_it_paints(weights: Path) -> None:
    picture = stylize_tensors(
        image(0), image(1), Options(size=48, iterations=5), backbone=chosen(weights)
    )
    assert torch.isfinite(picture).all()
