"""Set-up of the virtual environment: which Python it takes, and an environment that is broken."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def install(python: Path | str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`requirements/install` for a list of packages that does not exist, without any index."""
    return subprocess.run(
        ["requirements/install", python, folder, "nothing"],
        cwd=ROOT,
        env=os.environ | {"PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_a_python_that_is_too_old_or_too_new_is_refused(
    version: tuple[int, int], tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = {version}\nexec(sys.argv[2])\n"
    )
    python.chmod(0o755)
    ended = install(python, tmp_path / "venv")
    assert ended.returncode == 1
    assert "Pastiche needs Python 3.11 to 3.14" in ended.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
def test_an_environment_that_was_moved_is_made_again(tmp_path: Path) -> None:
    venv.create(tmp_path / "before", with_pip=True)
    moved = (tmp_path / "before").rename(tmp_path / "after")
    ended = install(sys.executable, moved)
    assert "Creating a virtual environment" in ended.stdout
    subprocess.run([moved / "bin" / "pip", "--version"], check=True)


@pytest.mark.slow
def test_a_folder_that_is_no_environment_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    install(sys.executable, tmp_path)
    assert (tmp_path / "mine.txt").exists()
