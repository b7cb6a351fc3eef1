"""The examples and the network of the measurements, and the folder of their results."""

from itertools import product
from pathlib import Path

from torch import Tensor

from pastiche.engine.images import read_image
from pastiche.options import BackboneChoice

PAIRS = (
    ("harbour", "wave"),
    ("harbour", "swirls"),
    ("still_life", "fire"),
    ("still_life", "cubist"),
)
"""Pairs of a content image and a style image."""

BACKBONE: BackboneChoice = "vgg16"
"""The default network of the benchmarks, which every set-up fetches."""

RESULTS = Path("benchmarks/results")
"""The folder of the results."""

_EXAMPLES = Path("examples/images")


def every_pair() -> tuple[tuple[str, str], ...]:
    """Every content image of the examples with every style image."""
    contents, styles = (
        sorted(path.stem for path in (_EXAMPLES / kind).glob("*.jpg"))
        for kind in ("content", "style")
    )
    return tuple(product(contents, styles))


def example_file(kind: str, name: str) -> Path:
    """The file of an example image. `kind` is `content` or `style`."""
    return _EXAMPLES / kind / f"{name}.jpg"


def example(kind: str, name: str) -> Tensor:
    """An example image, (1, 3, H, W) in 0 to 1."""
    return read_image(example_file(kind, name))
