"""Fixtures of the engine's tests."""

from pathlib import Path

import pytest

from pastiche.engine import whitened
from tests.engine.networks import thinned_channels


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Makes tests that name no backbone paint with `whitened`. Tests of the pretrained weights find
    them before this."""
    folder: Path = tmp_path_factory.getbasetemp() / "no weights"
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(folder))


@pytest.fixture
def thin_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the whitened backbone an eighth of VGG-19's channels in every layer, so that it paints
    in tenths of a second instead of seconds."""
    monkeypatch.setattr(whitened, "CHANNELS", thinned_channels(8))
