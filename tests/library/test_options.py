"""Options are declared once; values and texts are validated by that table."""

from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from typing import Any, get_args

import numpy as np
import pytest

from pastiche.options import OPTIONS, InvalidOptions, OptionError, Options, encode_option, parse
from pastiche.presets import MEANINGS, PRESETS, Preset, preset


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_documented(name: str) -> None:
    option = OPTIONS[name]
    assert option.description.endswith(".")
    assert option.group
    assert option.type.requirement


def test_every_default_is_the_default_of_the_options() -> None:
    assert {name: option.default for name, option in OPTIONS.items()} == Options().to_dict()


def test_live_options_need_no_refit() -> None:
    assert not any(option.live and option.refits for option in OPTIONS.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_weight", "0.5"),
        ("content_weight", True),
        ("content_weight", -1),
        ("content_weight", float("nan")),
        ("content_weight", 10**400),
        pytest.param("content_weight", 10**5000, id="more digits than Python writes"),
        ("style_weights", (10**400,)),
        ("style_layers", {"relu1_1": 10**400}),
        pytest.param("size", 10**5000, id="a whole number of more digits"),
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
def test_an_invalid_value_raises_an_error_that_names_the_option(name: str, value: Any) -> None:
    with pytest.raises(OptionError) as error:
        Options(**{name: value})
    assert error.value.field == name


@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
@pytest.mark.parametrize("layer", ["relu3_4", "relu4_4", "relu5_4"])
def test_a_layer_that_vgg16_lacks_raises_an_error_that_names_the_option(
    name: str, layer: str
) -> None:
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
def test_a_text_is_parsed_by_the_type_of_its_option(name: str, text: str, value: Any) -> None:
    assert getattr(parse({name: text}), name) == value


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e400", "abc", "", "٣", "1_0", "0x10"])
def test_a_text_that_is_not_a_number_in_range_is_invalid(text: str) -> None:
    with pytest.raises(
        InvalidOptions, match=f"must be a number between 0 and 1000000, not “{text}”"
    ):
        parse({"style_weight": text})


def test_parsing_names_every_invalid_option() -> None:
    with pytest.raises(InvalidOptions) as invalid:
        parse({"seed": "x", "size": "large", "colour": "style", "brush": "3"})
    assert {error.field for error in invalid.value.errors} == {"seed", "size", "brush"}


def test_parsing_names_options_that_are_invalid_together() -> None:
    with pytest.raises(InvalidOptions) as invalid:
        parse({"content_weight": "0", "style_weight": "0"})
    assert [error.field for error in invalid.value.errors] == ["style_weight"]


def test_parsed_texts_override_the_defaults_of_a_preset() -> None:
    options = parse({"size": "300"}, PRESETS["draft"])
    assert (options.size, options.iterations) == (300, 90)


def test_every_value_is_parsed_from_its_own_text() -> None:
    values = Options(
        style_weights=(0.7, 0.3),
        scale_iterations=(80, 60),
        style_layers={"relu1_1": 1.0, "relu3_1": 0.5},
        gradient_normalisation=True,
        adam_step=1e-5,
    )
    texts = {name: encode_option(value) for name, value in values.to_dict().items()}
    assert parse(texts) == values


def test_layers_are_ordered_from_the_input_to_the_deepest() -> None:
    options = Options(style_layers={"relu4_1": 1, "relu1_1": 2})
    assert list(options.style_layers) == ["relu1_1", "relu4_1"]


def test_content_and_style_weight_must_not_both_be_zero() -> None:
    with pytest.raises(OptionError, match="style_weight"):
        Options(content_weight=0, style_weight=0)


def test_valid_options_can_be_changed_with_replace() -> None:
    assert replace(Options(size=256), iterations=5) == Options(size=256, iterations=5)


@pytest.mark.parametrize("name", get_args(Preset))
def test_every_preset_has_valid_options(name: Preset) -> None:
    assert preset(name) == Options(**PRESETS[name])
    assert MEANINGS[name]


def test_chosen_options_override_the_preset() -> None:
    assert preset("draft", size=300).size == 300


def test_the_standard_preset_is_the_defaults() -> None:
    assert preset("standard") == preset() == Options()


def test_an_unknown_preset_is_invalid() -> None:
    with pytest.raises(OptionError, match="preset"):
        preset("best")  # type: ignore[arg-type]  # that is the test


def test_errors_reach_other_processes_as_they_are() -> None:
    error = OptionError("size", "must be a number.")
    several = InvalidOptions([error, OptionError("seed", "does not exist.")])
    one, both = map(ForkingPickler.loads, map(ForkingPickler.dumps, (error, several)))
    assert (str(one), one.field, one.sentence) == (str(error), "size", "must be a number.")
    assert (str(both), len(both.errors)) == (str(several), 2)


def test_numbers_of_numpy_are_numbers() -> None:
    numbers: dict[str, Any] = {"size": np.int64(64), "style_weight": np.float32(0.5)}
    options = Options(**numbers)
    assert (options.size, type(options.size)) == (64, int)
    assert (options.style_weight, type(options.style_weight)) == (0.5, float)
