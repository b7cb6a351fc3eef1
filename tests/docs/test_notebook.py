"""The notebook runs, cell by cell, word for word but for size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_pages import ROOT

pytestmark = pytest.mark.slow

CELLS = json.loads((ROOT / "examples" / "library.ipynb").read_text("utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_it_is_as_short_as_it_says() -> None:
    lines = [line for cell in CODE for line in cell.splitlines() if line.strip()]
    assert len(lines) <= 15


def test_it_paints_and_prints_how_far_each_term_fell(tmp_path: Path) -> None:
    load, paint, summary = CODE
    script = [load.replace("size=256", "size=32"), paint, f"_.save({str(tmp_path / 'a.png')!r})"]
    script[1] = script[1].replace("to_pil(run.picture())", "_ = to_pil(run.picture())")
    script += [f"print({summary})"]
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(script)],
        cwd=ROOT / "examples",  # where Jupyter runs it
        capture_output=True,
        text=True,
        check=True,
    )
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (32, 24)
    assert "style: " in ended.stdout
