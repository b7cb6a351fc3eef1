"""What measurements are taken on, the examples and the network, and where their results go."""

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
"""A content image and a style image each."""

BACKBONE: BackboneChoice = "vgg16"
"""The network that paints where nothing else is said: the one that every set-up fetches."""

RESULTS = Path("benchmarks/results")
"""Where what was measured is written down."""

_EXAMPLES = Path("examples/images")


def every_pair() -> tuple[tuple[str, str], ...]:
    """Every content image of the examples with every style image."""
    contents, styles = (
        sorted(path.stem for path in (_EXAMPLES / kind).glob("*.jpg"))
        for kind in ("content", "style")
    )
    return tuple(product(contents, styles))


def example_file(kind: str, name: str) -> Path:
    """The file of an example image; kind: `content` or `style`."""
    return _EXAMPLES / kind / f"{name}.jpg"


def example(kind: str, name: str) -> Tensor:
    """An example image, (1, 3, H, W) in 0 to 1."""
    return read_image(example_file(kind, name))
