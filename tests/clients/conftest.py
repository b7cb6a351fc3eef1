"""Pictures for the programs of the tests."""

from pathlib import Path

import pytest

from tests import pictures


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photograph and a painting."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "photo.jpg").write_bytes(pictures.jpeg(160, 120))
    (folder / "painting.jpg").write_bytes(pictures.jpeg(120, 120))
    return folder
