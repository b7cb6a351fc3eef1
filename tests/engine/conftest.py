"""What `auto` stands for in the engine's tests, whatever set-up has fetched."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests that name no backbone paint with `whitened`; the genuine weights have tests of their
    own, which find them before this."""
    folder: Path = tmp_path_factory.getbasetemp() / "no weights"
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(folder))
