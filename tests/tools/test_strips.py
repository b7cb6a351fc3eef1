"""The options and files of the strips in the documentation."""

from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from rich.console import Console

from local import LocalError
from local.demo import Submission
from pastiche.options import Options
from shared.settings import Settings
from tools.paint.painter import Painter
from tools.paint.strips import TILE_PIXELS, _Tiles, strips
from tools.paint.tiles import Tile, plans

ROOT = Path(__file__).parents[2]


class Artist:
    """A painter that records its jobs."""

    def __init__(self) -> None:
        self.jobs: list[Submission] = []

    def painted(self, submission: Submission) -> Image.Image:
        self.jobs.append(submission)
        return Image.new("RGB", (2 * TILE_PIXELS, TILE_PIXELS))


@pytest.fixture
def artist() -> Artist:
    return Artist()


@pytest.fixture
def tiles(artist: Artist) -> _Tiles:
    return _Tiles(cast(Painter, artist))


def test_every_strip_is_in_the_documentation(tmp_path: Path) -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert [name for name in plans(tmp_path) if f"pictures/strip-{name}.jpg" not in pages] == []


def test_every_option_of_a_tile_exists(tmp_path: Path) -> None:
    names = {
        name for plan in plans(tmp_path).values() for tile in plan.tiles for name in tile.options
    }
    assert names <= set(Options.__dataclass_fields__)


def test_a_tile_is_painted_by_vgg16_unless_it_names_another(tiles: _Tiles, artist: Artist) -> None:
    tiles.painted(Tile("one"))
    tiles.painted(Tile("other", options={"backbone": "whitened"}))
    assert [job.options["backbone"] for job in artist.jobs] == ["vgg16", "whitened"]


def test_tiles_of_the_same_picture_are_painted_once(tiles: _Tiles, artist: Artist) -> None:
    one = tiles.painted(Tile("by default"))
    other = tiles.painted(Tile("content 0.5", options={"content_weight": "0.5", "size": "256"}))
    assert other is one
    assert len(artist.jobs) == 1


def test_a_large_picture_is_shown_as_small_as_the_others(tiles: _Tiles) -> None:
    assert tiles.painted(Tile("large", options={"size": "512"})).size == (256, 128)


def test_an_unknown_strip_is_refused_by_name() -> None:
    with pytest.raises(LocalError, match=r"no strip omega. There are alpha, tv"):
        strips(Settings(), Console(), "omega")
