"""The examples that measurements are taken on, and where their results go."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from pastiche.engine.images import from_pil

PAIRS = (
    ("harbour", "wave"),
    ("harbour", "swirls"),
    ("still_life", "fire"),
    ("still_life", "cubist"),
)
"""A content image and a style image each."""

RESULTS = Path("benchmarks/results")
"""Where what was measured is written down."""

_EXAMPLES = Path("examples/images")


def example(kind: str, name: str) -> Tensor:
    """An example image, (1, 3, H, W) in 0 to 1."""
    with Image.open(_EXAMPLES / kind / f"{name}.jpg") as picture:
        return from_pil(picture)
