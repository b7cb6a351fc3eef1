"""`make pictures`: the pictures of the documentation, painted through the service itself."""

from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from rich.console import Console

from local.http_jobs import Wanted, looks, picture, submit
from local.service import LocalService, running
from local.signals import Operator
from shared.settings import Settings

CONTENTS = ("harbour", "still_life")
STYLES = ("swirls", "wave", "pointillism", "stained_glass", "ink_wash", "cubist")

_EXAMPLES = Path("examples/images")
_PICTURES = Path("docs/pictures")
_GAP_PIXELS = 8
_TILE_PIXELS = 288
_LARGE_PIXELS = 512


class Gallery:
    """Paints examples through a service that is up."""

    def __init__(self, service: LocalService, http: httpx.Client, operator: Operator) -> None:
        self._service = service
        self._http = http
        self._operator = operator

    def painted(self, content: str, style: str, size: int) -> Image.Image:
        """One example in the style of another, with every option at its default but the size."""
        wanted = Wanted(example("content", content), example("style", style), {"size": str(size)})
        job = submit(self._http, wanted)
        *_, done = looks(self._http, job, self._service, self._operator)
        return Image.open(BytesIO(picture(self._http, done)))


def gallery(settings: Settings, console: Console) -> None:
    """Writes the picture on top of the README, and the contact sheet of all examples.

    Raises:
        LocalError: a part of it cannot be done; the message says which.
        Ended: the operator wants it to end.
    """
    operator = Operator()
    _PICTURES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        service = stack.enter_context(running(settings, operator))
        http = stack.enter_context(
            httpx.Client(base_url=service.url, timeout=60.0, trust_env=False)
        )
        paint = Gallery(service, http, operator).painted
        sheet = []
        for content in CONTENTS:
            console.print(f"Painting {content} in every style")
            row = [_thumbnail("content", content)]
            row += [paint(content, style, _TILE_PIXELS) for style in STYLES]
            sheet.append(row)
        large = paint("harbour", "swirls", _LARGE_PIXELS)
    styles = [_thumbnail("style", style) for style in STYLES]
    blank = Image.new("RGB", sheet[0][0].size, "white")
    _save(_grid([[blank, *styles], *sheet]), "contact-sheet")
    with Image.open(example("content", "harbour")) as photograph:
        small = photograph.resize(large.size, Image.Resampling.LANCZOS)
    _save(_grid([[small, large]]), "harbour-swirls")


def example(kind: str, name: str) -> Path:
    """Where an example image lies."""
    return _EXAMPLES / kind / f"{name}.jpg"


def _thumbnail(kind: str, name: str) -> Image.Image:
    image = Image.open(example(kind, name)).convert("RGB")
    image.thumbnail((_TILE_PIXELS, _TILE_PIXELS), Image.Resampling.LANCZOS)
    return image


def _grid(rows: list[list[Image.Image]]) -> Image.Image:
    """Pictures in rows and columns on white, each at the corner of its cell."""
    width, height = (max(each.size[axis] for row in rows for each in row) for axis in (0, 1))
    across, down = width + _GAP_PIXELS, height + _GAP_PIXELS
    grid = Image.new("RGB", (len(rows[0]) * across - _GAP_PIXELS, len(rows) * down - _GAP_PIXELS))
    grid.paste("white", (0, 0, *grid.size))
    for i, row in enumerate(rows):
        for j, each in enumerate(row):
            grid.paste(each, (j * across, i * down))
    return grid


def _save(image: Image.Image, name: str) -> None:
    image.save(_PICTURES / f"{name}.jpg", quality=90, optimize=True)
