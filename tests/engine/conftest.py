"""What the engine's tests paint with."""

from pathlib import Path

import pytest

from pastiche.engine import whitened
from tests.engine.networks import thinned_channels


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests that name no backbone paint with `whitened`; the genuine weights have tests of their
    own, which find them before this."""
    folder: Path = tmp_path_factory.getbasetemp() / "no weights"
    monkeypatch.setenv("PASTICHE_WEIGHTS_FOLDER", str(folder))


@pytest.fixture
def thin_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whitened backbone has an eighth of VGG-19's channels in every layer, and paints in tenths
    of a second instead of seconds."""
    monkeypatch.setattr(whitened, "CHANNELS", thinned_channels(8))
