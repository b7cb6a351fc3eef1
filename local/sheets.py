"""Pictures side by side, with words under them, as the documentation shows them."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_PICTURES = Path("docs/pictures")
_GAP_PIXELS = 8
_LABEL_PIXELS = 26
_FONT_PIXELS = 15


def grid(rows: list[list[Image.Image]]) -> Image.Image:
    """Pictures in rows and columns on white, each at the corner of its cell."""
    width, height = (max(each.size[axis] for row in rows for each in row) for axis in (0, 1))
    across, down = width + _GAP_PIXELS, height + _GAP_PIXELS
    sheet = Image.new("RGB", (len(rows[0]) * across - _GAP_PIXELS, len(rows) * down - _GAP_PIXELS))
    sheet.paste("white", (0, 0, *sheet.size))
    for i, row in enumerate(rows):
        for j, each in enumerate(row):
            sheet.paste(each, (j * across, i * down))
    return sheet


def labelled(image: Image.Image, label: str) -> Image.Image:
    """A picture with a line of words under it."""
    whole = Image.new("RGB", (image.width, image.height + _LABEL_PIXELS), "white")
    whole.paste(image)
    font = ImageFont.load_default(size=_FONT_PIXELS)
    middle = (image.width / 2, image.height + _LABEL_PIXELS / 2)
    ImageDraw.Draw(whole).text(middle, label, fill="black", font=font, anchor="mm")
    return whole


def fitted_in(image: Path, longest_side: int) -> Image.Image:
    """A picture of a file, no larger than this."""
    with Image.open(image) as picture:
        small = picture.convert("RGB")
    small.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return small


def save(image: Image.Image, name: str) -> None:
    """Puts a picture among those of the documentation."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    image.save(_PICTURES / f"{name}.jpg", quality=90, optimize=True)
