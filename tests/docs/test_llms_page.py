"""The commands of `/llms.txt` work, word for word but for size."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.test_pages import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.slow

IMAGES = ROOT / "examples" / "images"
PICTURES = {
    "photo.jpg": IMAGES / "content" / "harbour.jpg",
    "painting.jpg": IMAGES / "style" / "wave.jpg",
    "other.jpg": IMAGES / "style" / "swirls.jpg",
}


def test_its_commands_paint_follow_cancel_and_estimate(stack: Stack, tmp_path: Path) -> None:
    for name, path in PICTURES.items():
        shutil.copy(path, tmp_path / name)
    page = stack.http.get("/llms.txt").text
    commands = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", "")
    commands = re.sub(r"size=\d+", "size=64", commands)
    picture, submit, get_job, result, events, cancel, batch, get_batch, sheet, estimate = (
        commands.splitlines()
    )

    def run(command: str, **variables: str) -> str:
        url = str(stack.http.base_url).rstrip("/")
        ended = subprocess.run(
            ["sh", "-euc", command],
            cwd=tmp_path,
            env={"URL": url} | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout

    run(picture)
    job = json.loads(run(submit))
    assert "event: done" in run(events, id=job["id"])
    assert json.loads(run(get_job, id=job["id"]))["status"] == "succeeded"
    run(result, id=job["id"])
    for name in ("picture.png", "picture.jpg"):
        with Image.open(tmp_path / name) as painted:
            assert painted.size == (64, 48)
    assert json.loads(run(cancel, id=job["id"]))["status"] == "succeeded"
    sweep = json.loads(run(batch))["id"]
    assert [each["style"] for each in json.loads(run(get_batch, sweep=sweep))["jobs"]] == [
        "painting.jpg",
        "other.jpg",
    ]
    run(sheet, sweep=sweep)
    with Image.open(tmp_path / "sheet.png") as painted:
        assert painted.format == "PNG"
    assert json.loads(run(estimate))["dry_run"] is True
    stack.http.delete(f"/sweeps/{sweep}").raise_for_status()
