"""The snippets of the client's page do what they say, word for word but for size and port."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_pages import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")
SMALL = "size=64, iterations=80"


def run(containing: str, stack: Stack, folder: Path) -> str:
    """What the snippet with these words prints; its files go into the folder."""
    found = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (snippet,) = [each for each in found if containing in each]
    script = snippet.replace("size=256", SMALL).replace('save("', f'save("{folder}/')
    script = script.replace("http://127.0.0.1:8000", str(stack.http.base_url))
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_one_call_paints(stack: Stack, tmp_path: Path) -> None:
    run("style_weight=0.7", stack, tmp_path)
    with Image.open(tmp_path / "picture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))


def test_a_job_is_submitted_watched_fetched_and_deleted(stack: Stack, tmp_path: Path) -> None:
    output = run("case JobFinished", stack, tmp_path)
    assert "succeeded" in output
    assert "Losses(content=" in output
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_job_is_waited_for(stack: Stack, tmp_path: Path) -> None:
    assert "painted in " in run("job.wait()", stack, tmp_path)
    with Image.open(tmp_path / "later.png") as picture:
        assert picture.size == (64, 48)


def test_a_picture_is_sent_once_and_painted_in_two_styles(stack: Stack, tmp_path: Path) -> None:
    listed, *painted = run("upload_picture", stack, tmp_path).splitlines()
    assert "'example:wave'" in listed
    assert [line.split()[0] for line in painted] == ["example:wave", "example:swirls"]


def test_a_sweep_gives_a_contact_sheet(stack: Stack, tmp_path: Path) -> None:
    assert "2 of 2" in run("submit_sweep(", stack, tmp_path)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 2 * 64


def test_a_batch_gives_a_contact_sheet(stack: Stack, tmp_path: Path) -> None:
    output = run("submit_batch(", stack, tmp_path)
    assert output.splitlines() == [
        f"{content}.jpg {style}.jpg succeeded"
        for content in ("harbour", "still_life")
        for style in ("wave", "swirls")
    ]
    with Image.open(tmp_path / "batch.png") as sheet:
        assert sheet.width > 2 * 64


def test_several_are_painted_at_once(stack: Stack, tmp_path: Path) -> None:
    assert re.fullmatch(r"\[\d+, \d+\]\n", run("AsyncClient", stack, tmp_path))


def test_an_api_error_names_the_invalid_fields(stack: Stack, tmp_path: Path) -> None:
    assert run("error.code", stack, tmp_path) == "invalid_fields 422 ['size']\n"


def test_the_webhook_receiver_runs(stack: Stack, tmp_path: Path) -> None:
    assert run("def receive", stack, tmp_path) == ""
