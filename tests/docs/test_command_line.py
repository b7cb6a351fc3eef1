"""What the page of the command line tells to type works, word for word but for size and port."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pastiche.cli.console import Exit
from pastiche.picture_settings import read_settings
from tests.docs.test_pages import ROOT
from tests.docs.test_readme import shell
from tests.stack import Stack

PAGE = (ROOT / "docs" / "command-line.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
SMALL = "--size 64 --iterations 20"


@pytest.fixture
def run(stack: Stack, tmp_path: Path) -> "Runner":
    return Runner(stack, tmp_path)


class Runner:
    """Runs blocks of the page; their files go into a folder of their own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self.folder = stack, folder
        program = folder / "bin" / "pastiche"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pastiche "$@"\n')
        program.chmod(0o755)

    def __call__(self, containing: str, page: str = PAGE) -> str:
        found = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        (block,) = [each for each in found if containing in each]
        script = block.replace("--size 256", SMALL).replace(".venv/bin/pastiche", "pastiche")
        script = re.sub(r"(-o |> |again )(?=\w)", rf"\1{self.folder}/", script)
        return shell(
            script,
            self._stack,
            PATH=f"{self.folder}/bin:/usr/bin:/bin",
            PASTICHE_URL=str(self._stack.http.base_url),
        )

    def painted(self, name: str) -> tuple[str | None, tuple[int, int]]:
        with Image.open(self.folder / name) as picture:
            return picture.format, picture.size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("containing", "name", "kind"),
    [("-o harbour.jpg", "harbour.jpg", "JPEG"), ("--local", "local.png", "PNG")],
)
def test_one_photograph_is_painted(run: Runner, containing: str, name: str, kind: str) -> None:
    run(containing)
    assert run.painted(name) == (kind, (64, 48))


@pytest.mark.slow
def test_the_settings_of_a_picture_are_repeated(run: Runner) -> None:
    run("pastiche again")
    first, other_seed, other_style = (
        read_settings((run.folder / name).read_bytes())
        for name in ("wave.jpg", "seed-2.png", "swirls.webp")
    )
    assert first.options == other_style.options == replace(other_seed.options, seed=0)
    assert (first.options.size, first.options.style_weight) == (64, 0.8)
    assert other_seed.options.seed == 2
    assert len({first.job_id, other_seed.job_id, other_style.job_id} - {None}) == 3


@pytest.mark.slow
def test_the_readme_s_command_paints(run: Runner) -> None:
    run("pastiche paint", README)
    assert run.painted("picture.png") == ("PNG", (64, 48))


@pytest.mark.slow
def test_a_pattern_is_painted_into_a_folder(run: Runner) -> None:
    run("-o painted")
    photographs = [path.stem for path in (ROOT / "examples/images/content").glob("*.jpg")]
    painted = [path.stem for path in (run.folder / "painted").iterdir()]
    assert sorted(painted) == sorted(photographs)


@pytest.mark.slow
def test_a_job_is_submitted_listed_watched_fetched_and_erased(run: Runner) -> None:
    assert "succeeded" in run("pastiche watch $id")
    assert run.painted("watched.png") == ("PNG", (64, 48))
    assert run.painted("again.webp") == ("WEBP", (64, 48))


@pytest.mark.slow
def test_a_sweep_gives_a_sheet(run: Runner) -> None:
    run("pastiche sweep")
    assert run.painted("sheet.png")[0] == "PNG"


@pytest.mark.slow
def test_pipes_are_read_and_written(run: Runner) -> None:
    run("| pastiche")
    assert run.painted("piped.png") == ("PNG", (64, 48))


@pytest.mark.slow
def test_the_doctor_says_who_paints(run: Runner) -> None:
    output = run("pastiche doctor")
    assert "is ready" in output
    assert re.search("backbone (vgg16|whitened)", output)


@pytest.mark.slow
def test_the_weights_that_are_here_are_listed(run: Runner) -> None:
    assert {"vgg16", "vgg19", "vgg19-caffe", "whitened"} <= set(run("pastiche weights").split())


def test_every_exit_code_is_on_the_page() -> None:
    rows = re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)
    assert [int(row) for row in rows] == list(Exit)
