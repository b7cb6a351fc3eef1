"""Reads image files for the pictures of the documentation, and saves those pictures."""

from pathlib import Path

from PIL import Image

_PICTURES = Path("docs/pictures")


def fitted_in(image: Path, longest_side: int) -> Image.Image:
    """The picture in a file, with at most this longest side."""
    with Image.open(image) as picture:
        small = picture.convert("RGB")
    small.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return small


def save(image: Image.Image, name: str) -> None:
    """Saves a picture of the documentation."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    image.save(_PICTURES / f"{name}.jpg", quality=90, optimize=True)
