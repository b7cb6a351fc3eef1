"""Contact sheets: pictures side by side, with labels under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pastiche.pictures import on_white
from shared.pictures import open_stored

_MAX_SIDE_PIXELS = 16_383
"""The longest side of a sheet: WebP allows no more."""

_MAX_COLUMNS = 8
"""How many cells a single row may have; a longer one is continued in the next."""

_GAP_PIXELS = 8
_LABEL_PIXELS = 26
_FONT_PIXELS, _MIN_FONT_PIXELS = 15, 2
_EMPTY = "#e4e4e4"


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a contact sheet.

    Attributes:
        picture: a PNG file; None if there is none (yet).
        label: the text under it.
    """

    picture: bytes | None
    label: str


def arrange(cells: int, columns: int, cell_pixels: int) -> tuple[int, int]:
    """The number of columns of a sheet, and the width and height of its cells in pixels: a long
    single row is wrapped, and the cells are smaller if the sheet would otherwise be too large.

    Args:
        cells: how many there are.
        columns: how many belong in one row.
        cell_pixels: the width and height that is requested.
    """
    if cells == columns:
        columns = min(columns, _MAX_COLUMNS)
    rows = -(-cells // columns)
    width = _MAX_SIDE_PIXELS // columns - _GAP_PIXELS
    height = _MAX_SIDE_PIXELS // rows - _GAP_PIXELS - _LABEL_PIXELS
    return columns, min(cell_pixels, width, height)


def contact_sheet(cells: Sequence[Cell], columns: int, cell_size: tuple[int, int]) -> bytes:
    """A PNG file with a cell for each picture.

    Args:
        columns: the number of cells in a row.
        cell_size: the maximum width and height of each picture, in pixels.
    """
    images = [labelled(_make_image(cell, cell_size), cell.label) for cell in cells]
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    out = BytesIO()
    grid(rows).save(out, "PNG", compress_level=1)
    return out.getvalue()


def thumbnail(picture: Path, size: tuple[int, int]) -> bytes:
    """A PNG file, reduced to fit into this width and height.

    Raises:
        DamagedPicture: the picture cannot be decoded.
    """
    out = BytesIO()
    _read_reduced(picture, size).save(out, "PNG", compress_level=1)
    return out.getvalue()


def grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Arranges pictures in rows and columns on white, each at the top left of its cell."""
    width, height = (max(each.size[axis] for row in rows for each in row) for axis in (0, 1))
    across, down = width + _GAP_PIXELS, height + _GAP_PIXELS
    sheet = Image.new("RGB", (len(rows[0]) * across - _GAP_PIXELS, len(rows) * down - _GAP_PIXELS))
    sheet.paste("white", (0, 0, *sheet.size))
    for i, row in enumerate(rows):
        for j, each in enumerate(row):
            sheet.paste(each, (j * across, i * down))
    return sheet


def labelled(image: Image.Image, label: str) -> Image.Image:
    """Adds a line of text under a picture, as large as fits."""
    whole = Image.new("RGB", (image.width, image.height + _LABEL_PIXELS), "white")
    whole.paste(image)
    font = ImageFont.load_default(size=_FONT_PIXELS)
    length = max(1.0, font.getlength(label))
    if length > image.width:
        size = max(_MIN_FONT_PIXELS, _FONT_PIXELS * image.width / length)
        font = ImageFont.load_default(size)
    middle = (image.width / 2, image.height + _LABEL_PIXELS / 2)
    ImageDraw.Draw(whole).text(middle, label, fill="black", font=font, anchor="mm")
    return whole


def shorten(name: str, most: int) -> str:
    """A name with at most this many characters: its beginning and its end."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[1 - (most + 1) // 2 :]}"


def _make_image(cell: Cell, size: tuple[int, int]) -> Image.Image:
    if cell.picture is None:
        return Image.new("RGB", size, _EMPTY)
    return _read_reduced(cell.picture, size)


def _read_reduced(picture: bytes | Path, size: tuple[int, int]) -> Image.Image:
    image = on_white(open_stored(picture, "PNG")).convert("RGB")
    image.thumbnail(size, Image.Resampling.LANCZOS)
    return image
