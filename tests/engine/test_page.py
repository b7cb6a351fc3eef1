"""docs/engine.md: its code runs, and the numbers in it are the engine's."""

import re
from pathlib import Path

import pytest

from pastiche.engine import lbfgs, stylize, whitened

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engine.md").read_text("utf-8")


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
    units = (stylize.CONTENT_UNIT, stylize.STYLE_UNIT, stylize.TV_UNIT)
    assert "{:g}·α·content + {:g}·β·style + {:g}·γ·variation + 10⁴·gamut".format(*units) in PAGE
    assert stylize.GAMUT_WEIGHT == 1e4
    assert ", ".join(f"{share:g}" for share in list(whitened.SHARES.values())[:4]) in PAGE
    assert f"is {lbfgs.FIRST_STEP:g} long" in PAGE
    assert f"longer than {lbfgs.LONGEST_STEP:g}" in PAGE
    assert f"standard deviation {stylize.START_NOISE:g}" in PAGE


def test_the_shares_of_the_layers_add_up() -> None:
    assert sum(whitened.SHARES.values()) == pytest.approx(1.0)
