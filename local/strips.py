"""`make strips`: what an option does, as one labelled picture each, painted through the service."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from rich.console import Console

from local.http_jobs import Wanted
from local.painter import Painter, example, painter
from local.sheets import fitted_in, save
from local.tiles import Tile, plans
from shared.settings import Settings
from shared.sheets import grid, labelled

TILE_PIXELS = 256


def strips(settings: Settings, console: Console, only: str | None = None) -> None:
    """Writes a strip for each option that changes what is seen, or only the one of this name.

    Raises:
        LocalError: a part of it cannot be done; the message says which.
        Ended: the operator wants it to end.
    """
    with TemporaryDirectory(prefix="pastiche-strips-") as folder, painter(settings) as artist:
        for name, plan in plans(Path(folder)).items():
            if only in (None, name):
                console.print(f"Painting the strip of {name}")
                shown = [
                    labelled(fitted_in(path, TILE_PIXELS), label) for path, label in plan.shown
                ]
                painted = [labelled(_painted(artist, tile), tile.label) for tile in plan.tiles]
                save(grid([[*shown, *painted]]), f"strip-{name}")


def _painted(artist: Painter, tile: Tile) -> Image.Image:
    options = {"size": str(TILE_PIXELS), **tile.options}
    content, style = example("content", tile.content), example("style", tile.style)
    picture = artist.painted(Wanted(content, style, options, tile.more))
    scale = TILE_PIXELS / max(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.LANCZOS)
