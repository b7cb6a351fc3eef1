"""What the README tells a newcomer to type works, word for word but for size and port."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_pages import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text("utf-8").replace("size=256", "size=64")


def blocks(language: str, containing: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return [block for block in found if containing in block]


def shell(script: str, stack: Stack, **variables: str) -> str:
    here = script.replace("http://127.0.0.1:8000", str(stack.http.base_url).rstrip("/"))
    ended = subprocess.run(
        ["sh", "-euc", here], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_one_curl_command_gives_a_picture(stack: Stack, tmp_path: Path) -> None:
    (request,) = blocks("sh", containing="Prefer")
    shell(request.replace("-o ", f"-o {tmp_path}/"), stack)
    with Image.open(tmp_path / "picture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))


def test_the_python_snippet_paints(tmp_path: Path) -> None:
    (snippet,) = blocks("python", containing="stylize")
    script = snippet.replace('"picture.png"', f'"{tmp_path / "picture.png"}"')
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    with Image.open(tmp_path / "picture.png") as picture:
        assert max(picture.size) == 64
