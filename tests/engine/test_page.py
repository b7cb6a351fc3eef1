"""The numbers in docs/engine.md are the engine's."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pastiche import Options, sizes
from pastiche.engine import backbone, lbfgs, normalisation, whitened
from pastiche.engine.normalisation import Units
from pastiche.network_layers import WHITENED_SHARES
from pastiche.options import StyleStatistic

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engine.md").read_text("utf-8")


def test_its_constants_are_the_engine_s() -> None:
    text = " ".join(PAGE.split())
    assert f"weight is {normalisation.GAMUT_SHARE:g} times the content and style loss" in text
    assert f"All images, at {whitened.FIT_SIDES[0]}, {whitened.FIT_SIDES[1]} and" in text
    assert ", ".join(f"{share:g}" for share in list(WHITENED_SHARES.values())[:4]) in text
    assert f"first step has a root mean square of {lbfgs.FIRST_STEP:g}" in text
    assert f"longer than {lbfgs.LONGEST_STEP:g}" in text
    assert f"the objective by more than {100 * (lbfgs.MAX_RISE - 1):.0f} %" in text
    assert f"at least at {sizes.STYLE_SIDE} pixels" in text
    assert f"standard deviation {Options().start_noise:g}" in text


@pytest.mark.parametrize(
    ("network", "units"), [("VGG, trained", backbone.VGG_UNITS), ("`whitened`", whitened.UNITS)]
)
def test_its_units_are_the_engine_s(network: str, units: Mapping[StyleStatistic, Units]) -> None:
    for statistic, unit in units.items():
        variation = [unit.variation["squared"], unit.variation["absolute"]]
        numbers = " | ".join(f"{each:g}" for each in (unit.content, unit.style, *variation))
        assert f"| {network} | `{statistic}` | {numbers} |" in PAGE


def test_the_shares_of_the_layers_add_up() -> None:
    assert sum(WHITENED_SHARES.values()) == pytest.approx(1.0)
