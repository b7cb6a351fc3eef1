"""The commands of the page for artists work, word for word but for size."""

from pathlib import Path

import pytest

from tests.docs.test_command_line import Runner
from tests.docs.test_pages import ROOT
from tests.stack import Stack

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "painting.md").read_text("utf-8").replace("--size 512", "--size 96")


@pytest.fixture
def run(stack: Stack, tmp_path: Path) -> Runner:
    return Runner(stack, tmp_path)


def test_a_picture_and_variants_are_painted(run: Runner) -> None:
    run("pastiche sweep", PAGE)
    assert run.painted("dusk.png") == ("PNG", (64, 48))
    assert run.painted("seeds.png")[0] == "PNG"


def test_a_small_picture_is_painted_again_as_a_large_one(run: Runner) -> None:
    run("pastiche again", PAGE)
    assert run.painted("small.png") == ("PNG", (64, 48))
    assert run.painted("print.png") == ("PNG", (96, 72))
