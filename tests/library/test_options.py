"""What may be asked for is checked once, and read from texts as it is told."""

from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

import pytest

from pastiche.option_kinds import kind_of
from pastiche.options import OptionError, Options, meaning_of, wanted
from pastiche.presets import MEANINGS, PRESETS, Preset, preset

NAMES = [field.name for field in fields(Options)]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does_and_where_it_belongs(name: str) -> None:
    meaning = meaning_of(name)
    assert meaning.description.endswith(".")
    assert meaning.group
    assert wanted(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_weight", "0.5"),
        ("content_weight", True),
        ("content_weight", -1),
        ("content_weight", float("nan")),
        ("size", 256.0),
        ("size", 15),
        ("start", "painting"),
        ("gradient_normalisation", 1),
        ("style_weights", 1.0),
        ("style_weights", "1"),
        ("style_weights", (1.0,) * 9),
        ("style_weights", (0.0, 0.0)),
        ("scale_iterations", (80, 1.5)),
        ("style_layers", {"relu9_1": 1.0}),
        ("style_layers", {"relu1_1": 0.0}),
        ("style_layers", {"relu1_1": -1.0}),
        ("style_layers", ["relu1_1"]),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as error:
        Options(**{name: value})
    assert error.value.field == name


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
@pytest.mark.parametrize("layer", ["relu3_4", "relu4_4", "relu5_4"])
def test_a_layer_that_vgg16_does_not_have_is_refused_by_name(name: str, layer: str) -> None:
    with pytest.raises(OptionError, match=layer) as error:
        Options(backbone="vgg16", **{name: {layer: 1.0}})  # type: ignore[arg-type]
    assert error.value.field == name
    for backbone in ("auto", "vgg19", "vgg19-caffe", "whitened"):
        Options(backbone=backbone, **{name: {layer: 1.0}})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("content_weight", "0.5", 0.5),
        ("size", "256", 256),
        ("start", "noise", "noise"),
        ("gradient_normalisation", "true", True),
        ("gradient_normalisation", "0", False),
        ("style_weights", "0.7,0.3", (0.7, 0.3)),
        ("style_weights", "", ()),
        ("scale_iterations", "80, 60", (80, 60)),
        ("style_layers", "relu3_1:0.5,relu1_1", {"relu1_1": 1.0, "relu3_1": 0.5}),
    ],
)
def test_a_text_is_read_as_its_option_s_type(name: str, text: str, value: Any) -> None:
    read = kind_of(get_type_hints(Options)[name]).read(text)
    assert getattr(Options(**{name: read}), name) == value


def test_layers_are_kept_from_the_pixels_inwards() -> None:
    options = Options(style_layers={"relu4_1": 1, "relu1_1": 2})
    assert list(options.style_layers) == ["relu1_1", "relu4_1"]


def test_weights_that_ask_for_nothing_are_refused() -> None:
    with pytest.raises(OptionError, match="style_weight"):
        Options(content_weight=0, style_weight=0)


def test_options_that_were_valid_can_be_changed_one_by_one() -> None:
    assert replace(Options(size=256), iterations=5) == Options(size=256, iterations=5)


@pytest.mark.parametrize("name", get_args(Preset))
def test_every_preset_is_a_point_in_the_options(name: Preset) -> None:
    assert preset(name) == Options(**PRESETS[name])
    assert MEANINGS[name]


def test_what_is_chosen_goes_before_the_preset() -> None:
    assert preset("draft", size=300).size == 300


def test_the_standard_preset_is_the_defaults() -> None:
    assert preset("standard") == preset() == Options()


def test_a_preset_that_is_none_is_refused() -> None:
    with pytest.raises(OptionError, match="preset"):
        preset("best")  # type: ignore[arg-type]  # that is the test
