"""The command line reads every kind of picture in the same way: in every field, with and without a
service.

Most commands run in this process, by the function that `pastiche` calls.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor
from typer.main import get_command

from pastiche.cli import local_batch
from pastiche.cli.app import application
from pastiche.cli.console import Exit
from pastiche.engine.inputs import Inputs
from pastiche.engine.progress import Progress
from pastiche.options import Options
from tests import pictures
from tests.cli.command import Shell, url_of
from tests.conftest import RunningApi
from tests.picture_cases import CASES, CUT_OFF, Case, assert_masks, assert_shows
from tests.picture_inputs import FIELDS, MASKS, assert_stored, cases_of, cases_without, fields_of
from tests.waiting import TIMEOUT_SECONDS

pytestmark = pytest.mark.slow

COMMAND = get_command(application)
FILES = cases_of("file")
OTHER_FORMATS = cases_without("file")
EMPTY = {name: case for name, case in CASES.items() if not case.is_a_mask}


@dataclass(frozen=True)
class Ended:
    """The exit code of a command, and both outputs."""

    code: int
    output: str


def run(*arguments: str) -> Ended:
    """Runs `pastiche` with these arguments in this process."""
    written = BytesIO()
    output = TextIOWrapper(written, encoding="utf-8", write_through=True)
    with redirect_stdout(output), redirect_stderr(output):
        code: int | None = COMMAND.main(arguments, prog_name="pastiche", standalone_mode=False)
    return Ended(code or Exit.DONE, written.getvalue().decode())


@pytest.fixture(autouse=True)
def _silent_client_afterwards() -> Iterator[None]:
    """Removes the log handler that each command adds, as if it had its own process."""
    log = logging.getLogger("pastiche.client")
    handlers = log.handlers[:]
    yield
    log.handlers = handlers


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[Inputs]:
    """The images that `--local` gives the engine, which paints nothing and returns the content."""
    given: list[Inputs] = []

    class FinishedRun:
        """A run without iterations."""

        def __init__(self, images: Inputs, options: Options, **_: Any) -> None:
            given.append(images.checked(options))

        def __iter__(self) -> Iterator[Progress]:
            return iter(())

        def picture(self) -> Tensor:
            return given[-1].content

    monkeypatch.setattr(local_batch, "Run", FinishedRun)
    return given


def arguments(given: dict[str, bytes], folder: Path) -> list[str]:
    """A pair and the flags of further pictures, each a file by the name of its field."""
    words = ["content", "style"]
    for field, data in given.items():
        (folder / field).write_bytes(data)
    more = [field for field in given if field not in words]
    flags = [word for field in more for word in (f"--{field.replace('_', '-')}", field)]
    pair = ("content", "-s", "style")
    return [str(folder / word) if word in given else word for word in (*pair, *flags)]


def with_one(field: str, data: bytes) -> dict[str, bytes]:
    """A pair that can be painted, and this in one field."""
    return {"content": pictures.jpeg(64, 32), "style": pictures.png(64, 32), field: data}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_files_are_submitted_alike_in_every_field(
    case: Case, api: RunningApi, tmp_path: Path
) -> None:
    given = dict.fromkeys(fields_of(case), case.data)
    ended = run("submit", *arguments(given, tmp_path), "--url", url_of(api))
    assert ended.code == Exit.DONE, ended.output
    assert_stored(api, case)


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_files_are_painted_locally_alike_in_every_field(
    case: Case, painted: list[Inputs], tmp_path: Path
) -> None:
    given = dict.fromkeys(fields_of(case), case.data)
    output = tmp_path / "out.png"
    ended = run("paint", *arguments(given, tmp_path), "-o", str(output), "--local")
    assert ended.code == Exit.DONE, ended.output
    (images,) = painted
    shown = [images.content, *images.styles, images.start]
    maps = [images.content_map] if case.is_a_content_map else []
    masks = [*images.masks, *images.style_masks, *maps]
    assert len(shown) + len(masks) == len(given)
    for image in shown:
        assert image is not None
        assert_shows(image[0].permute(1, 2, 0).numpy() * 255, case)
    for mask in masks:
        assert mask is not None
        assert_masks(mask[0, 0].numpy() * 255, case)
    with Image.open(output) as picture:
        assert picture.mode == "RGB"  # transparent only with --keep-transparency
        assert_shows(picture, case)


def test_pictures_from_standard_input_are_read_alike(api: RunningApi, folder: Path) -> None:
    """These commands run in separate processes."""
    shell = Shell(folder, url_of(api))
    for content, style in (("-", "me.jpg"), ("me.jpg", "-")):
        case = CASES["JPEG turned by EXIF"]
        with shell.start("submit", content, "-s", style) as process:
            process.communicate(case.data, timeout=TIMEOUT_SECONDS)
        assert process.returncode == Exit.DONE
        field = "content-0" if content == "-" else "style-0"
        (stored,) = (path for path in api.blobs if path.name == field and path.stat().st_size < 999)
        with Image.open(stored) as picture:
            assert_shows(picture, case)


@pytest.mark.parametrize("make", CUT_OFF.values(), ids=CUT_OFF)
def test_a_file_whose_last_pixels_are_missing_is_refused_in_every_field(
    make: Callable[[], bytes], api: RunningApi, painted: list[Inputs], tmp_path: Path
) -> None:
    given = arguments(dict.fromkeys(FIELDS, make()), tmp_path)
    sent = run("submit", *given, "--url", url_of(api))
    assert sent.code == Exit.API_ERROR
    for field in FIELDS:
        assert f"{field}: This picture is damaged or cut off" in sent.output
        given = arguments(with_one(field, make()), tmp_path)
        here = run("paint", *given, "-o", str(tmp_path / "x.png"), "--local")
        assert here.code == Exit.INVALID_FILE
        assert f"The {field} image is damaged or cut off" in here.output
    assert not painted


@pytest.mark.parametrize(
    ("case", "field"),
    list(zip(OTHER_FORMATS.values(), cycle(FIELDS), strict=False)),
    ids=OTHER_FORMATS,
)
def test_a_file_of_another_format_is_refused(
    case: Case, field: str, painted: list[Inputs], tmp_path: Path
) -> None:
    given = arguments(with_one(field, case.data), tmp_path)
    sent = run("submit", *given, "--url", "http://[::1]:9")
    here = run("paint", *given, "-o", str(tmp_path / "x.png"), "--local")
    assert sent.code == here.code == Exit.INVALID_FILE
    assert sent.output == here.output
    assert f"{tmp_path / field} is a " in sent.output
    assert not painted


@pytest.mark.parametrize("case", EMPTY.values(), ids=EMPTY)
def test_a_mask_that_is_too_dark_is_refused(
    case: Case, api: RunningApi, painted: list[Inputs], tmp_path: Path
) -> None:
    given = dict.fromkeys(FIELDS, case.data)
    sent = run("submit", *arguments(given, tmp_path), "--url", url_of(api))
    assert sent.code == Exit.API_ERROR
    seen, locally = (
        ("This mask is too dark", "must be at least half white somewhere")
        if case.is_a_content_map
        else ("This mask is black or transparent everywhere", "must not be black everywhere")
    )
    for field in (field for field in MASKS if field not in fields_of(case)):
        assert f"{field}: {seen}" in sent.output
        words = arguments(with_one(field, case.data), tmp_path)
        here = run("paint", *words, "-o", str(tmp_path / "x.png"), "--local")
        assert here.code == Exit.INVALID_FILE
        assert f"{field}: {locally}" in here.output
    assert not painted
