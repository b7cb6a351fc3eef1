"""`make pictures`: the README's picture and the contact sheet, painted through the service."""

from PIL import Image
from rich.console import Console

from api.sweeps.contact_sheet import grid
from local.demo import Submission
from shared.settings import Settings
from tools.paint.files import fitted_in, save
from tools.paint.painter import BACKBONE, Painter, example, painter

CONTENTS = ("harbour", "still_life")
STYLES = ("swirls", "wave", "pointillism", "stained_glass", "ink_wash", "cubist")

_TILE_PIXELS = 288
_LARGE_PIXELS = 512

_PAGE_PICTURE = "api/web/static/painted.jpg"
"""The picture that the page shows beside the photograph before anything is painted."""


def gallery(settings: Settings, console: Console) -> None:
    """Writes the picture of the README and the page, and the contact sheet of all examples.

    Raises:
        LocalError: a part of it failed; the message says which.
        Ended: the operator has interrupted it.
    """
    with painter(settings) as artist:
        sheet = []
        for content in CONTENTS:
            console.print(f"Painting {content} in every style")
            row = [fitted_in(example("content", content), _TILE_PIXELS)]
            row += [_paint(artist, content, style, _TILE_PIXELS) for style in STYLES]
            sheet.append(row)
        large = _paint(artist, "harbour", "swirls", _LARGE_PIXELS)
    styles = [fitted_in(example("style", style), _TILE_PIXELS) for style in STYLES]
    blank = Image.new("RGB", sheet[0][0].size, "white")
    save(grid([[blank, *styles], *sheet]), "contact-sheet")
    with Image.open(example("content", "harbour")) as photograph:
        small = photograph.resize(large.size, Image.Resampling.LANCZOS)
    save(grid([[small, large]]), "harbour-swirls")
    large.save(_PAGE_PICTURE, quality=88)


def _paint(artist: Painter, content: str, style: str, size: int) -> Image.Image:
    """Paints an example in the style of another, with default options except for the size."""
    options = {"size": str(size), "backbone": BACKBONE}
    return artist.painted(Submission(example("content", content), example("style", style), options))
