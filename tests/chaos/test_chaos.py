"""One round of each fault; `make chaos` runs many."""

import pytest

from tests.chaos.__main__ import main

pytestmark = pytest.mark.slow


def test_every_guarantee_holds_under_every_fault(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--seed", "7", "--iterations", "20"]) == 0, capfd.readouterr().out
