"""The measurement of how close a picture is to its style image and its content image."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import likeness_table
from benchmarks.likeness import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    Likeness,
    at_common_size,
    at_own_size,
    likeness,
    main,
    network,
)
from benchmarks.likeness_table import Row
from pastiche import Options
from pastiche.engine.backbone import Backbone
from pastiche.engine.images import resize_picture, to_pil
from pastiche.options import LayerName
from tests.engine.networks import random_backbone
from tests.engine.pictures import CONTENT, STYLE, textured

NEAR_CONTENT = torch.lerp(CONTENT, textured(96, 128, 4), 0.1)
SIDE = 64


@pytest.fixture(scope="module")
def thin() -> Backbone:
    """A network with a few channels."""
    return random_backbone(pooling="max", thinner=8).to(torch.device("cpu"), torch.float32)


def measured(picture: Tensor, by: Backbone) -> Likeness:
    return likeness(picture, CONTENT, STYLE, by, SIDE, SIDE)


def test_the_content_image_has_all_of_the_style_distance_and_no_content_distance(
    thin: Backbone,
) -> None:
    assert measured(CONTENT, thin) == Likeness(style=1.0, content=0.0)


def test_the_style_image_has_no_style_distance(thin: Backbone) -> None:
    content = resize_picture(CONTENT, (STYLE.shape[2], STYLE.shape[3]))
    found = likeness(STYLE, content, STYLE, thin, SIDE, SIDE)
    assert found.style == pytest.approx(0.0, abs=1e-3)
    assert found.content > 0.1


def test_a_picture_close_to_the_content_image_is_closer_than_another(thin: Backbone) -> None:
    near, far = measured(NEAR_CONTENT, thin), measured(textured(96, 128, 4), thin)
    assert 0.0 < near.content < far.content


def test_the_distances_are_those_of_the_formulas(thin: Backbone) -> None:
    wide = random_backbone(pooling="max", thinner=8)
    of_picture, of_content, of_style = (
        wide.features(image.double(), {*STYLE_LAYERS, CONTENT_LAYER})
        for image in (NEAR_CONTENT, CONTENT, STYLE)
    )

    def distance(features: dict[LayerName, Tensor], layer: LayerName) -> float:
        rows, others = features[layer][0].flatten(1), of_style[layer][0].flatten(1)  # (C, H·W)
        mean, target_mean = rows.mean(dim=1), others.mean(dim=1)
        covariance, target = (torch.cov(each, correction=0) for each in (rows, others))
        of_mean = (mean - target_mean).norm() / target_mean.norm()
        of_covariance = (covariance - target).norm() / target.norm()
        return float((0.5 * of_mean**2 + 0.5 * of_covariance**2).sqrt())

    style = sum(distance(of_picture, layer) for layer in STYLE_LAYERS)
    whole = sum(distance(of_content, layer) for layer in STYLE_LAYERS)
    target = of_content[CONTENT_LAYER]
    content = (of_picture[CONTENT_LAYER] - target).norm() ** 2 / target.norm() ** 2
    found = likeness(NEAR_CONTENT, CONTENT, STYLE, thin, 128, 100)
    assert found.style == pytest.approx(style / whole, rel=1e-4)
    assert found.content == pytest.approx(float(content), rel=1e-4)


def test_large_and_small_pictures_have_the_same_likeness_at_the_common_size(thin: Backbone) -> None:
    small = at_common_size(NEAR_CONTENT, CONTENT, STYLE, thin)
    large = at_common_size(resize_picture(NEAR_CONTENT, (768, 1024)), CONTENT, STYLE, thin)
    assert large.style == pytest.approx(small.style, rel=0.05)


def test_at_its_own_size_the_style_is_as_large_as_it_was_painted(thin: Backbone) -> None:
    style = textured(400, 500, 2)  # 1.5 × 512 would be above its own pixels, 0.5 × 512 is not
    for scale, side in ((0.5, 256), (1.5, 500)):
        options = Options(size=128, style_scale=scale)
        found = at_own_size(NEAR_CONTENT, CONTENT, style, thin, options)
        assert found == likeness(NEAR_CONTENT, CONTENT, style, thin, 128, side)


def test_a_picture_of_another_aspect_ratio_is_refused(thin: Backbone) -> None:
    with pytest.raises(ValueError, match="aspect ratio"):
        measured(textured(128, 128, 5), thin)


def test_a_content_image_that_is_the_style_image_is_refused(thin: Backbone) -> None:
    with pytest.raises(ValueError, match="must not be the same"):
        likeness(CONTENT, CONTENT, CONTENT, thin, SIDE, SIDE)


def test_vgg16_measures_files(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    vgg16_weights: Path,
) -> None:
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(vgg16_weights.parent))
    arguments = []
    for name, image in (("picture", CONTENT), ("content", CONTENT), ("style", STYLE)):
        to_pil(image).save(tmp_path / f"{name}.png")
        arguments += [f"--{name}", str(tmp_path / f"{name}.png")]
    main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("style")[1] for line in lines] == [" 1.000, content 0.000"] * 2
    assert network().pooling == "max"


def test_a_picture_without_its_images_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--picture", "picture.png"])
    assert "--picture, --content and --style must be given together" in capsys.readouterr().err


def row(style: str, preset: str, size: int, distance: float) -> Row:
    numbers = {"style": distance, "content": 1 - distance}
    return Row("harbour", style, preset, size, "vgg16", 1.0, numbers, numbers)


def test_the_table_has_a_line_for_each_pair_and_the_highest_of_each_column() -> None:
    rows = [
        row("wave", "draft", 256, 0.2),
        row("fire", "draft", 256, 0.3),
        row("fire", "fine", 1024, 0.4),
    ]
    lines = likeness_table.table(rows).splitlines()
    assert [line.split(" | ")[1:] for line in lines[2:]] == [
        ["0.20 / 0.80", "0.20 / 0.80", "", " |"],
        ["0.30 / 0.70", "0.30 / 0.70", "0.40 / 0.60", "0.40 / 0.60 |"],
        ["0.30 / 0.80", "0.30 / 0.80", "0.40 / 0.60", "0.40 / 0.60 |"],
    ]


def test_a_row_replaces_the_row_of_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{likeness_table.BEGINS}\n{likeness_table.ENDS}\nafter\n")
    monkeypatch.setattr(likeness_table, "FILE", tmp_path / "likeness.json")
    monkeypatch.setattr(likeness_table, "PAGE", page)
    for distance in (0.2, 0.3):
        likeness_table.write(row("wave", "draft", 256, distance))
    likeness_table.write(row("fire", "draft", 256, 0.4))
    assert [each.at_own_size["style"] for each in likeness_table.read()] == [0.4, 0.3]
    assert page.read_text().startswith("before\n")
    assert "| harbour × wave | 0.30 / 0.70 | 0.30 / 0.70 |" in page.read_text()
    assert page.read_text().endswith(f"{likeness_table.ENDS}\nafter\n")


def test_the_table_in_the_documentation_is_what_was_measured() -> None:
    text = likeness_table.PAGE.read_text("utf-8")
    rows, machine = likeness_table.read(), likeness_table.measured_on()
    assert likeness_table.page(text, rows, machine) == text, "run: make likeness"
