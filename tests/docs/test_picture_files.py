"""What the page of picture files tells to type keeps a cut-out one, word for word but for size."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_command_line import Runner
from tests.docs.test_pages import ROOT
from tests.picture_cases import CASES
from tests.stack import Stack

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "picture-files.md").read_text("utf-8")


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page, with a cut-out of its own."""
    cut_out = tmp_path / "cut-out.png"
    cut_out.write_bytes(CASES["white on nothing"].data)
    return PAGE.replace("cut-out.png", str(cut_out))


def assert_cut_out(path: Path) -> None:
    with Image.open(path) as picture:
        assert picture.getchannel("A").getextrema() == (0, 255)


def test_the_command_keeps_transparency(stack: Stack, page: str, tmp_path: Path) -> None:
    Runner(stack, tmp_path)("--keep-transparency", page)
    assert_cut_out(tmp_path / "painted.png")


def test_the_library_s_snippet_keeps_transparency(page: str, tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    script = snippet.replace("size=256", "size=32, iterations=1")
    script = script.replace('"painted.png"', repr(str(tmp_path / "painted.png")))
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, check=True)
    assert_cut_out(tmp_path / "painted.png")
