"""A folder with pictures, and a shell in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import pictures
from tests.cli.command import Shell, url_of
from tests.conftest import RunningApi


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph and a painting, large enough for the default size."""
    (tmp_path / "me.jpg").write_bytes(pictures.jpeg(512, 384))
    (tmp_path / "wave.png").write_bytes(pictures.png(512, 512))
    return tmp_path


@pytest.fixture
def shell(folder: Path, api: RunningApi) -> Iterator[Shell]:
    """A shell for the API process, whose jobs only a simulated worker paints."""
    shell = Shell(folder, url_of(api))
    yield shell
    shell.end()
