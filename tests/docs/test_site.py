"""The documentation builds as a site, and no link in it is dead."""

import subprocess
import sys
from pathlib import Path
from shutil import copy, copytree

from tests.docs.test_pages import ROOT


def built(config: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "zensical"
    command = [str(each) for each in (program, "build", "--strict", "--clean", "-f", config)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copied(folder: Path, index: str) -> Path:
    """The site's settings, with these words for its first page."""
    config = folder / "mkdocs.yml"
    config.write_text((ROOT / "mkdocs.yml").read_text("utf-8").partition("nav:")[0])
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text(index)
    return config


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    """Elsewhere: the working tree may have a site that somebody reads."""
    copytree(ROOT / "docs", tmp_path / "docs")
    copy(ROOT / "mkdocs.yml", tmp_path)
    ended = built(tmp_path / "mkdocs.yml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "No issues found" in ended.stdout + ended.stderr


def test_a_dead_link_would_be_found(tmp_path: Path) -> None:
    assert built(copied(tmp_path, "# Here\n")).returncode == 0
    (tmp_path / "docs" / "index.md").write_text("# Here\n\n[there](nowhere.md)\n")
    assert built(tmp_path / "mkdocs.yml").returncode != 0
