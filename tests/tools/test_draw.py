"""The example pictures all exist, can be sent, and are reproducible."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tools.draw.gallery import CONTENT, IMAGES, NAMES, STYLE, path_of
from tools.draw.raster import Array, gradient, pixel_grid
from tools.draw.strokes import Brush, blank, lit, paint
from tools.draw.woodblock import Print, spline


def test_the_names_match_the_committed_pictures() -> None:
    files = {
        kind: {path.stem for path in (IMAGES / kind).iterdir()} for kind in ("content", "style")
    }
    assert files == {"content": set(CONTENT), "style": set(STYLE)}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_an_rgb_jpeg_of_medium_size(name: str) -> None:
    with Image.open(path_of(name)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert 768 <= image.width <= 1024
        assert 576 <= image.height <= 768


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_darks_and_lights(name: str) -> None:
    with Image.open(path_of(name)) as image:
        tones = np.asarray(image.convert("L"))
    dark, light = np.percentile(tones, (2, 98))
    assert dark < 60
    assert light > 180


def test_all_pictures_together_stay_under_three_megabytes() -> None:
    assert sum(path_of(name).stat().st_size for name in NAMES) < 3_000_000


def test_a_painting_is_painted_the_same_twice() -> None:
    def study() -> Array:
        x, y = pixel_grid(80, 60)
        subject = gradient(y, [(0.0, "24509f"), (1.0, "f0bf3c")])
        painting = blank(subject * 0.5)
        paint(painting, subject, np.sin(x * 5), Brush(7, 24, 5), seed=3)
        return lit(painting)

    assert np.array_equal(study(), study())


def test_a_print_is_printed_the_same_twice() -> None:
    def proof() -> Image.Image:
        sheet = Print(np.ones((48, 64, 3), np.float32))
        sheet.fill(spline([(0.1, 0.1), (1.0, 0.3), (0.4, 0.9), (0.1, 0.1)]), "1f3f77")
        return sheet.printed("efe2c0", seed=9)

    assert proof().tobytes() == proof().tobytes()


def test_an_unknown_name_is_refused_with_the_known_names() -> None:
    command = [sys.executable, "-m", "tools.draw", "mona_lisa"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no picture is called mona_lisa" in done.stderr
    assert all(name in done.stderr for name in NAMES)
