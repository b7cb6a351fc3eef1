"""How `--local` rejects and encodes pictures, and estimates their times."""

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from PIL import Image

from pastiche.cli.console import Exit
from pastiche.cli.contents import Content, Target
from pastiche.cli.local_batch import LocalBatch, encode, measure_progress, read_inputs
from pastiche.client import InvalidPicture
from pastiche.client.models import Format
from pastiche.engine.progress import Progress
from pastiche.options import Options
from pastiche.painting_clock import PaintingClock
from pastiche.painting_speed import PaintingSpeed
from pastiche.sizes import scales
from tests import pictures
from tests.library.recorded_times import JOBS, plan_of, steady_times
from tests.picture_inputs import FIELDS

LIMIT_BYTES = 25_000_000


def test_a_damaged_picture_is_refused_with_its_field() -> None:
    given = dict.fromkeys(FIELDS, pictures.jpeg()) | {"mask": pictures.png()[:-200]}
    with pytest.raises(InvalidPicture, match="The mask image is damaged") as caught:
        read_inputs(given, LIMIT_BYTES)
    assert caught.value.field == "mask"


@pytest.mark.parametrize(
    ("file_format", "mode", "right"),
    [
        ("png", "RGBA", (0, 0, 0, 0)),
        ("webp", "RGBA", (0, 0, 0, 0)),
        ("jpeg", "RGB", (255, 255, 255, 255)),
    ],
)
def test_only_a_jpeg_of_a_transparent_picture_is_white(
    file_format: Format, mode: str, right: tuple[int, ...]
) -> None:
    halves = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    with Image.open(BytesIO(encode(halves, file_format, "{}"))) as picture:
        assert picture.mode == mode
        assert picture.convert("RGBA").getpixel((60, 16)) == right


def remaining_times(size: int) -> list[tuple[float | None, float]]:
    """The seconds left after each iteration of a recorded job: the estimate of `--local`, and the
    true value."""
    plan, times, now, done = plan_of(size), steady_times(size), 0.0, 0
    flat = [each for seconds in times for each in seconds]
    clock = PaintingClock(plan, PaintingSpeed(), lambda: now)
    whole = sum(scale.cost for scale in plan)
    losses = dict.fromkeys(("content", "style", "tv", "gamut", "total"), 1.0)
    shown: list[float | None] = []
    for number, (scale, seconds) in enumerate(zip(plan, times, strict=True), 1):
        for each in seconds:
            now, done, iteration = now + each, done + scale.pixels, len(shown) + 1
            progress = Progress(
                iteration, len(flat), number, len(plan), losses, {}, work=done / whole
            )
            shown.append(measure_progress(progress, clock).eta_seconds)
    left = [sum(flat[iteration:]) for iteration in range(1, len(flat) + 1)]
    return list(zip(shown, left, strict=True))


@pytest.mark.parametrize("size", JOBS)
def test_the_time_left_is_right_where_it_is_shown(size: int) -> None:
    """From the tenth iteration on, within 30 %, or a second."""
    times = remaining_times(size)
    for shown, left in times[9:]:
        assert shown is None or shown == pytest.approx(left, rel=0.3, abs=1)
    assert all(shown is not None for shown, _ in times[-20:])


def make_batch(folder: Path) -> LocalBatch:
    """A batch of one small photograph."""
    content = Content("me.jpg", pictures.jpeg(64, 48), Target(folder / "out.png", "png"))
    arguments = {"style": [pictures.png(64, 64)]}
    return LocalBatch([content], arguments, writes_json=False, shows=False)


def test_the_time_of_a_picture_predicts_the_next_one_of_a_batch(tmp_path: Path) -> None:
    options = Options(size=64, scales=1, iterations=8, backbone="whitened")
    batch = make_batch(tmp_path)
    plan = scales(48, 64, options)
    assert batch.speed.estimate(plan) is None
    batch.paint(options, LIMIT_BYTES)
    assert batch.speed.estimate(plan) is not None


def test_an_estimate_checks_the_layers_of_the_backbone_that_would_paint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`auto` accepts layers that only vgg19 has."""
    source = SimpleNamespace(name="vgg16")
    monkeypatch.setattr("pastiche.cli.local_batch.choose_backbone", lambda _: source)
    batch = make_batch(tmp_path)
    with pytest.raises(typer.Exit) as caught:
        batch.estimate(Options(style_layers={"relu3_4": 1}), LIMIT_BYTES)
    assert caught.value.exit_code == Exit.USAGE_ERROR
    assert "style_layers: must not have relu3_4" in capsys.readouterr().err
