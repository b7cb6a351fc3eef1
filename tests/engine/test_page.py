"""docs/engine.md: its code runs, and the numbers in it are the engine's."""

import re
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


@pytest.mark.slow
@pytest.mark.usefixtures("thin_backbone")
def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    found: dict[str, object] = {}
    exec(code.replace("size=256", "size=32, iterations=101"), found)
    assert (tmp_path / "harbour-swirls.png").exists()
    assert getattr(found["picture"], "shape", None) == (1, 3, 24, 32)


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
