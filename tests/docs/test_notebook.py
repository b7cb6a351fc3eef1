"""The page for data scientists, which is also the notebook, runs: word for word but for size.

The cells are executed one after the other in one process, without Jupyter.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_pages import ROOT

pytestmark = pytest.mark.slow

CELLS = json.loads((ROOT / "examples" / "library.ipynb").read_text("utf-8"))["cells"]
SMALL = "size=32, style_scale=0.1"
"""A picture and a style image of few pixels."""

CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


@pytest.mark.usefixtures("vgg16_weights")
def test_its_cells_run_from_the_folder_of_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(ROOT / "examples" / "images")
    program = "\n".join([*CODE, "print(distances)"])
    program = program.replace("Options(size=256)", f"Options({SMALL}, iterations=41)")
    program = program.replace("size=256", f"{SMALL}, iterations=4")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("'style ") == 3
    assert len(list(tmp_path.glob("*-*.png"))) == 4
    with Image.open(tmp_path / "harbour-wave.png") as picture:
        assert picture.size == (32, 24)


def test_its_text_links_to_the_pages_of_the_documentation() -> None:
    text = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    assert "](../docs/options.md)" in text
    assert "](options.md)" not in text
