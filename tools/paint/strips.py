"""`make strips`: a labelled picture of the effect of each option, painted by the service."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from rich.console import Console

from api.sweeps.contact_sheet import grid, labelled
from local import LocalError
from local.demo import Submission
from pastiche import Options
from shared.settings import Settings
from tools.paint.files import fitted_in, save
from tools.paint.painter import BACKBONE, Painter, example, painter
from tools.paint.tiles import Plan, Tile, plans

TILE_PIXELS = 256


def strips(settings: Settings, console: Console, only: str | None = None) -> None:
    """Writes a strip for each option that changes the picture, or only the strip with this name.

    Raises:
        LocalError: a strip does not exist, or a part of it failed; the message says which.
        Ended: the operator has interrupted it.
    """
    with TemporaryDirectory(prefix="pastiche-strips-") as folder:
        chosen = _choose(plans(Path(folder)), only)
        with painter(settings) as artist:
            tiles = _Tiles(artist)
            for name, plan in chosen.items():
                console.print(f"Painting the strip of {name}")
                shown = [
                    labelled(fitted_in(path, TILE_PIXELS), label) for path, label in plan.shown
                ]
                painted = [labelled(tiles.painted(tile), tile.label) for tile in plan.tiles]
                save(grid([[*shown, *painted]]), f"strip-{name}")


def _choose(all_plans: Mapping[str, Plan], only: str | None) -> Mapping[str, Plan]:
    if only is None:
        return all_plans
    if only not in all_plans:
        raise LocalError(f"There is no strip {only}. There are {', '.join(all_plans)}.")
    return {only: all_plans[only]}


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Paints tiles, each only once even if several strips have it."""

    artist: Painter
    done: dict[Hashable, Image.Image] = field(default_factory=dict)

    def painted(self, tile: Tile) -> Image.Image:
        options = {"size": str(TILE_PIXELS), "backbone": BACKBONE, **tile.options}
        options = {name: value for name, value in options.items() if not _is_default(name, value)}
        key = (tile.content, tile.style, tuple(sorted(options.items())), tile.more)
        if key not in self.done:
            content, style = example("content", tile.content), example("style", tile.style)
            submission = Submission(content, style, options, tile.more)
            self.done[key] = _resize(self.artist.painted(submission))
        return self.done[key]


def _is_default(option: str, value: str) -> bool:
    """Whether a value, as in a form, is the default of an option."""
    default = getattr(Options(), option)
    return value == (f"{default:g}" if isinstance(default, float) else str(default).lower())


def _resize(picture: Image.Image) -> Image.Image:
    scale = TILE_PIXELS / max(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.LANCZOS)
