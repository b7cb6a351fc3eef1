"""Every example picture by name: its file, and the module that draws it."""

import importlib
from pathlib import Path
from typing import cast

from PIL import Image

IMAGES = Path(__file__).parents[2] / "examples" / "images"
QUALITY = 90

CONTENT = ("harbour", "still_life")
STYLE = ("swirls", "wave", "pointillism", "stained_glass", "ink_wash", "cubist", "fire")
NAMES = (*CONTENT, *STYLE)


def path_of(name: str) -> Path:
    """The file of a picture."""
    kind = "content" if name in CONTENT else "style"
    return IMAGES / kind / f"{name}.jpg"


def draw(name: str) -> Image.Image:
    """Draws a picture with the module of the same name."""
    module = importlib.import_module(f"tools.draw.{name}")
    return cast(Image.Image, module.draw())


def write(name: str) -> Path:
    """Draws one picture and saves it as a JPEG."""
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(name).save(path, quality=QUALITY, optimize=True, progressive=True)
    return path
