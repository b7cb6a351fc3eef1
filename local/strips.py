"""`make strips`: what an option does, as one labelled picture each, painted through the service."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops, ImageDraw, ImageFilter
from rich.console import Console

from local.http_jobs import Wanted
from local.painter import Painter, example, painter
from local.sheets import fitted_in, save
from shared.settings import Settings
from shared.sheets import grid, labelled

_TILE_PIXELS = 320


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a strip: a pair of examples and what is different about it.

    Attributes:
        more: further pictures, by the name of their field.
    """

    label: str
    content: str = "harbour"
    style: str = "swirls"
    options: dict[str, str] = field(default_factory=dict)
    more: tuple[tuple[str, Path], ...] = ()


def strips(settings: Settings, console: Console, only: str | None = None) -> None:
    """Writes a strip for each option that changes what is seen, or only the one of this name.

    Raises:
        LocalError: a part of it cannot be done; the message says which.
        Ended: the operator wants it to end.
    """
    with TemporaryDirectory(prefix="pastiche-strips-") as folder, painter(settings) as artist:
        for name, (shown, tiles) in _strips(Path(folder)).items():
            if only in (None, name):
                console.print(f"Painting the strip of {name}")
                painted = [labelled(_painted(artist, tile), tile.label) for tile in tiles]
                save(grid([[*shown, *painted]]), f"strip-{name}")


def _painted(artist: Painter, tile: Tile) -> Image.Image:
    options = {"size": str(_TILE_PIXELS), **tile.options}
    content, style = example("content", tile.content), example("style", tile.style)
    return artist.painted(Wanted(content, style, options, tile.more))


Strip = tuple[list[Image.Image], list[Tile]]
"""What is shown first, and what is painted."""


def _strips(folder: Path) -> dict[str, Strip]:
    return {
        "alpha": (
            [],
            [
                # In words: the font that comes with Pillow has no Greek.
                Tile(f"content {alpha:g}, style {1 - alpha:g}", options=_weights(alpha))
                for alpha in (0.8, 0.5, 0.1)
            ],
        ),
        "style-scale": (
            [],
            [
                Tile(f"style scale {scale:g}", options={"style_scale": f"{scale:g}"})
                for scale in (0.5, 1.0, 2.0)
            ],
        ),
        "colour": (
            [],
            [
                Tile(f"colour: {colour}", style="wave", options={"colour": colour})
                for colour in ("style", "luminance", "statistics")
            ],
        ),
        "start": ([], _starts()),
        "masks": _masks(folder),
        "blend": ([], _blends()),
    }


def _weights(alpha: float) -> dict[str, str]:
    return {"content_weight": f"{alpha:g}", "style_weight": f"{1 - alpha:g}"}


def _starts() -> list[Tile]:
    """With few iterations, and most of them late: else where one starts is soon forgotten."""
    few = {"scale_iterations": "20,20,20"}
    given = (("start_image", example("content", "still_life")),)
    return [
        Tile("start: content", options={**few, "start": "content"}),
        Tile("start: noise", options={**few, "start": "noise"}),
        Tile("start: grey", options={**few, "start": "grey"}),
        Tile("start: image (a still life)", options={**few, "start": "image"}, more=given),
    ]


def _masks(folder: Path) -> Strip:
    """The sky in one style, what is under it in another."""
    sky = Image.new("L", (640, 480))
    ImageDraw.Draw(sky).rectangle((0, 0, 640, 285), fill="white")
    sky = sky.filter(ImageFilter.GaussianBlur(6))
    paths = folder / "sky.png", folder / "ground.png"
    for path, mask in zip(paths, (sky, ImageChops.invert(sky)), strict=True):
        mask.save(path)
    both = (("style", example("style", "fire")), *(("mask", path) for path in paths))
    shown = labelled(fitted_in(paths[0], _TILE_PIXELS), "mask of the first style")
    return [shown], [
        Tile("first style alone"),
        Tile("second style alone", style="fire"),
        Tile("each where its mask is", more=both),
    ]


def _blends() -> list[Tile]:
    other = (("style", example("style", "stained_glass")),)
    return [
        Tile("swirls alone"),
        Tile("swirls 0.5, stained glass 0.5", options={"style_weights": "0.5,0.5"}, more=other),
        Tile("stained glass alone", style="stained_glass"),
    ]
