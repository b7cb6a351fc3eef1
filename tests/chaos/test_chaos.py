"""A short run of the fault suite; `make chaos` is the long one."""

import pytest

from tests.chaos.__main__ import main

pytestmark = pytest.mark.slow


def test_every_promise_is_kept_under_every_fault(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--seed", "7", "--iterations", "20"]) == 0, capfd.readouterr().out
