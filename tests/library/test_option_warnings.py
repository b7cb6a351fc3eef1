"""There are warnings about options and images without the expected effect, and no others."""

from typing import Any

import pytest

from pastiche.option_warnings import OptionWarning, find_warnings, update_warnings
from pastiche.options import Options
from pastiche.presets import PRESETS, Preset, preset

CONTENT, STYLE = (768, 1024), (1200, 900)


def fields_of(warnings: list[OptionWarning]) -> list[tuple[str, str]]:
    return [(warning.field, warning.code) for warning in warnings]


def found(styles: int = 1, **options: Any) -> list[tuple[str, str]]:
    """The field and code of each warning, with images that are large enough."""
    return fields_of(find_warnings(Options(**options), CONTENT, [STYLE] * styles))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_with_large_images_has_no_warnings(name: Preset) -> None:
    assert find_warnings(preset(name), (2048, 2048), [(2048, 2048)]) == []


def test_a_style_image_too_small_for_its_style_scale_is_reported_with_what_is_used() -> None:
    (warning,) = find_warnings(Options(style_scale=2), CONTENT, [(300, 400)])
    assert (warning.field, warning.code) == ("style_scale", "image_too_small")
    assert "400×300 pixels" in warning.detail
    assert "needs 1024" in warning.detail
    assert "as with 0.78" in warning.detail


def test_a_style_image_smaller_than_the_pastiche_is_reported_as_the_image() -> None:
    (warning,) = find_warnings(Options(size=1024), CONTENT, [(700, 800)])
    assert (warning.field, warning.code) == ("style", "image_too_small")
    assert "should be 1024" in warning.detail


def test_a_style_image_is_compared_with_512_pixels_where_the_pastiche_is_smaller() -> None:
    small = Options(size=128)
    assert fields_of(find_warnings(small, CONTENT, [(400, 400)])) == [("style", "image_too_small")]
    assert find_warnings(small, CONTENT, [(512, 400)]) == []


def test_a_style_image_has_no_least_size_with_the_normalisations_of_others() -> None:
    assert find_warnings(preset("paper", size=128), CONTENT, [(128, 128)]) == []


def test_a_style_image_that_others_normalisations_enlarge_is_reported_as_enlarged() -> None:
    (warning,) = find_warnings(preset("neural-style"), CONTENT, [(128, 256)])
    assert (warning.field, warning.code) == ("style", "image_too_small")
    assert "enlarged to 512×256" in warning.detail


def test_a_style_image_that_lacks_less_than_a_tenth_is_not_reported() -> None:
    options = Options(size=1000)
    assert find_warnings(options, CONTENT, [(900, 900)]) == []
    assert find_warnings(options, CONTENT, [(899, 899)]) != []


def test_the_one_of_several_style_images_that_is_too_small_is_numbered() -> None:
    (warning,) = find_warnings(Options(), CONTENT, [STYLE, (100, 100)])
    assert warning.detail.startswith("Style image 2 is 100×100 pixels")


def test_a_content_image_smaller_than_the_pastiche_is_reported_as_enlarged() -> None:
    (warning,) = find_warnings(Options(size=512), (200, 300), [STYLE])
    assert (warning.field, warning.code) == ("content", "image_too_small")
    assert "300×200" in warning.detail
    assert "512×341" in warning.detail


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"optimiser": "adam", "lbfgs_history": 37}, "lbfgs_history"),
        ({"adam_step": 0.1}, "adam_step"),
        ({"scale_iterations": (30, 20), "iterations": 77}, "iterations"),
        ({"scale_iterations": (30, 20), "scales": 3}, "scales"),
        ({"scales": 1, "scale_factor": 1.5}, "scale_factor"),
        ({"scale_iterations": (30,), "scale_factor": 1.5}, "scale_factor"),
        ({"start": "noise", "scales": 1, "start_noise": 0.3}, "start_noise"),
        ({"start_noise": 0, "seed": 3}, "seed"),
        ({"style_weights": (2.0,)}, "style_weights"),
        ({"style_blend": "statistics"}, "style_blend"),
    ],
)
def test_an_option_that_another_leaves_without_effect_is_reported(
    options: dict[str, Any], field: str
) -> None:
    assert found(**options) == [(field, "no_effect")]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"tv_weight": 0, "tv_norm": "absolute"}, "tv_norm"),
        ({"content_weight": 0, "content_layers": {"relu3_1": 1.0}}, "content_layers"),
        ({"style_weight": 0, "style_layers": {"relu3_1": 1.0}}, "style_layers"),
        ({"style_weight": 0, "style_statistic": "gram"}, "style_statistic"),
        ({"style_weight": 0, "style_scale": 0.5}, "style_scale"),
        ({"style_weight": 0, "start_noise": 0.3}, "start_noise"),
        ({"style_weight": 0, "seed": 3}, "seed"),
        ({"style_weight": 0, "tv_weight": 5}, "tv_weight"),
        ({"style_weight": 0, "tv_norm": "absolute"}, "tv_norm"),
    ],
)
def test_an_option_of_a_loss_without_weight_is_reported(
    options: dict[str, Any], field: str
) -> None:
    assert found(**options) == [(field, "weight_is_zero")]


@pytest.mark.parametrize(
    "options",
    [
        {"lbfgs_history": 37},
        {"optimiser": "adam", "adam_step": 0.1},
        {"scale_iterations": (30, 20), "iterations": 50, "scales": 2},
        {"start": "noise", "start_noise": 0.3, "seed": 3},
        {"tv_norm": "absolute"},
        {"style_weight": 0, "start": "noise", "seed": 3},
        {"style_weight": 0, "tv_weight": 0},
    ],
)
def test_an_option_that_has_an_effect_is_not_reported(options: dict[str, Any]) -> None:
    assert found(**options) == []


def test_several_style_images_have_weights_and_a_blend() -> None:
    assert found(styles=2, style_weights=(1.0, 2.0), style_blend="statistics") == []


def test_a_value_that_comes_with_the_preset_is_not_reported() -> None:
    options = preset("neural-style", tv_weight=0)
    assert find_warnings(options, CONTENT, [STYLE]) == []


def test_other_weights_change_the_warnings_that_weights_cause_and_no_others() -> None:
    before = Options(tv_weight=0, tv_norm="absolute", style_layers={"relu3_1": 1.0}, adam_step=0.1)
    after = Options(style_weight=0, tv_norm="absolute", style_layers={"relu3_1": 1.0})
    warnings = find_warnings(before, (200, 300), [STYLE])
    assert fields_of(update_warnings(warnings, after)) == [
        ("content", "image_too_small"),
        ("adam_step", "no_effect"),
        ("style_layers", "weight_is_zero"),
        ("tv_norm", "weight_is_zero"),
    ]
