"""The library reports its own version, whatever other distributions are installed."""

import re
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.build import prepare_metadata_for_build_wheel

from pastiche import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture
def impostor(tmp_path: Path) -> Path:
    """A folder in which another project's distribution called `pastiche` is installed."""
    metadata = tmp_path / "pastiche-99.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.4\nName: pastiche\nVersion: 99.0\n")
    return tmp_path


def test_the_distribution_has_a_name_of_its_own_and_the_package_s_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder = prepare_metadata_for_build_wheel(str(tmp_path))
    metadata = Parser().parsestr((tmp_path / folder / "METADATA").read_text("utf-8"))
    assert (metadata["Name"], metadata["Version"]) == ("pastiche-art", __version__)


def test_the_command_line_reports_it_beside_another_project_called_pastiche(
    impostor: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pastiche", "--version"],
        env={"PYTHONPATH": f"{impostor}:{ROOT}"},
        cwd=impostor,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"pastiche {__version__}\n"


def test_the_changelog_has_a_section_for_it() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## {__version__} - " in changelog


def test_every_file_in_the_release_checklist_has_it() -> None:
    page = (ROOT / "docs/contributing.md").read_text("utf-8")
    _, _, checklist = page.partition("\n1. Set the version in ")
    step, _, _ = checklist.partition("\n2. ")
    files = re.findall(r"`([^`]+)`", step)
    assert "deploy/kubernetes/base/kustomization.yaml" in files
    for name in files:
        text = (ROOT / name).read_text("utf-8")
        versions = re.findall(r"(?<!-)(?:version|newTag)_*\W+(\d+\.\d+\.\d+)", text)
        assert set(versions) == {__version__}, name
