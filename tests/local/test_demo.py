"""The demonstration, as a new user runs it."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from local import __main__ as local_command
from local.demo import Submission, describe_request
from local.supervisor import free_port
from tests import pictures
from tests.local.test_serve import command
from tests.stack import nothing_runs_on

pytestmark = pytest.mark.slow


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """Two small images, as the command line names them; their folder has more than letters."""
    album = tmp_path / "my [red] album"
    album.mkdir()
    (album / "content.jpg").write_bytes(pictures.jpeg(160, 120))
    (album / "style.png").write_bytes(pictures.png(120, 120))
    return ["--content", str(album / "content.jpg"), "--style", str(album / "style.png")]


def port() -> str:
    return str(free_port("127.0.0.1", 0))


def test_the_demonstration_paints_a_picture_and_describes_it(
    tmp_path: Path, images: list[str]
) -> None:
    output = tmp_path / "my [red] album" / "demo.png"
    ended = command(
        tmp_path / "data",
        *("demo", *images, "--size", "64", "--output", str(output)),
        PASTICHE_PORT=port(),
        PASTICHE_WEIGHTS_FOLDER=str(tmp_path),
    )
    assert ended.returncode == 0, ended.stderr
    with Image.open(output) as picture:
        assert picture.size == (64, 48)
    printed = " ".join(ended.stdout.split())
    assert re.search(
        r"Painted by the whitened backbone .* in \d+\.\d s and 120 iterations", printed
    )
    assert f"saved as {output}." in printed
    command_line = shlex.split(ended.stdout.splitlines()[-1])
    assert command_line[:3] == ["curl", "-F", f"content=@{images[1]}"]
    assert nothing_runs_on(tmp_path / "data")


def test_a_missing_folder_for_the_picture_is_reported_before_anything_starts(
    tmp_path: Path, images: list[str]
) -> None:
    output = tmp_path / "nowhere" / "demo.png"
    ended = command(tmp_path / "data", "demo", *images, "--output", str(output))
    assert ended.returncode == 1
    assert f"There is no folder {output.parent} for the picture." in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_file_name_is_quoted_for_the_shell_and_for_curl() -> None:
    submission = Submission(Path("it's me.jpg"), Path("wave, blue;1.png"), {"size": "64"})
    assert shlex.split(describe_request(submission, "http://[::1]:8000")) == [
        *("curl", "-F", "content=@it's me.jpg", "-F", 'style=@"wave, blue;1.png"'),
        *("-F", "size=64", "http://[::1]:8000/jobs"),
    ]


def test_a_missing_image_is_reported_before_anything_starts(tmp_path: Path) -> None:
    ended = command(tmp_path / "data", "demo", "--content", "nothing.jpg", PASTICHE_PORT=port())
    assert ended.returncode == 1
    assert "There is no image nothing.jpg" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_an_error_of_the_service_is_shown(tmp_path: Path, images: list[str]) -> None:
    ended = command(tmp_path / "data", "demo", *images, "--size", "5", PASTICHE_PORT=port())
    assert ended.returncode == 1
    assert "size: This must be a whole number between 16" in ended.stderr
    assert nothing_runs_on(tmp_path / "data")


@pytest.mark.parametrize(
    ("arguments", "options"), [((), {"preset": "draft"}), (("--size", "512"), {"size": "512"})]
)
def test_it_paints_a_draft_unless_a_size_is_given(
    arguments: tuple[str, ...], options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions: list[Submission] = []
    monkeypatch.setattr(local_command, "demo", lambda each, *_: submissions.append(each))
    monkeypatch.setattr("sys.argv", ["local", "demo", *arguments])
    assert local_command.main() == 0
    assert [each.options for each in submissions] == [options]
