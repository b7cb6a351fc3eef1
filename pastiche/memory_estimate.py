"""About how much memory a painting takes, and how large a picture may be in the memory there is.

One estimate for the engine, which plans with it, and for the service, which gives a job to a worker
that can paint it. It needs nothing but Python.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from pastiche.network_layers import (
    CHANNELS,
    POOLED_BEFORE,
    compared_layers,
    content_layer_weights,
    halo_width,
    stride_at,
)
from pastiche.options import LAYERS, LayerName, Options
from pastiche.sizes import style_size

MIN_TILE_SIDE = 128
"""Below this side, in pixels, a tile would be little but halo."""

USABLE = 0.8
"""What share of the free memory a painting may plan with: its estimate is none to the byte."""

WORKED_ON = {2: 10, 4: 44}
"""How many bytes a number in the widest maps takes while they are worked on, by its size. That of
float32 is measured (`benchmarks.memory`): freed memory that is retained has gaps."""

FLOAT = 4
"""Bytes of a number in images, the optimiser, and the content image's feature maps."""

PICTURES = 16
"""How many float32 copies of the picture there are at once beside the optimiser's history."""

MIN_HISTORY = 2
"""The shortest history that is taken before a picture is refused."""

CONTENT_COPIES = 3
"""The content image as given, in the colours it is painted in, and in the styles' palette."""

ComputedIn = Literal["bfloat16", "float32"]
"""What the network computes in."""

ITEMSIZE: dict[ComputedIn, int] = {"bfloat16": 2, "float32": 4}
"""Bytes of a number in the feature maps."""

Size = tuple[int, int]
"""(H, W) of an image."""


def evaluation_bytes(pixels: float, layers: Collection[LayerName], itemsize: int) -> float:
    """What an evaluation of this many pixels takes: the feature maps, which are held, and what the
    widest of them needs while it is worked on.

    Args:
        layers: those that are compared.
        itemsize: bytes of a number in the feature maps.
    """
    deepest = max(LAYERS.index(layer) for layer in layers)
    held = sum(
        (outgoing + (incoming if layer in POOLED_BEFORE else 0)) / stride_at(layer) ** 2
        for layer, (incoming, outgoing) in list(CHANNELS.items())[: deepest + 1]
    )
    return pixels * (held * itemsize + 64 * WORKED_ON[itemsize])


def state_bytes(pixels: int, options: Options, history: int) -> int:
    """What the picture, the optimiser and the content's feature maps take.

    Args:
        history: how many steps L-BFGS remembers.
    """
    remembered = 2 * history + 1 if options.optimiser == "lbfgs" else 2
    compared = sum(
        FLOAT * CHANNELS[layer][1] / stride_at(layer) ** 2
        for layer in content_layer_weights(options)
    )
    return int(pixels * (3 * FLOAT * (remembered + PICTURES) + compared))


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """The images of one pastiche, by their sizes; a mask has the size of its image.

    Attributes:
        masked: the image of each mask.
        start: the image that it starts from, where that is a given one.
    """

    content: Size
    styles: Sequence[Size]
    masked: Sequence[Size] = ()
    start: Size | None = None

    def total_bytes(self, options: Options) -> int:
        """What they take while the pastiche is painted: as they were given, in other colours where
        they are painted in such, and the style images in the size that the network sees them in."""
        recoloured = options.colour in ("luminance", "statistics")
        starts = [] if self.start is None else (1 + recoloured) * [self.start]
        colours = [
            *CONTENT_COPIES * [self.content],
            *starts,
            *(1 + recoloured) * list(self.styles),
            *(style_size(style, options.size, options) for style in self.styles),
        ]
        return FLOAT * (3 * _pixels(colours) + _pixels(self.masked))


def _pixels(sizes: Iterable[Size]) -> int:
    return sum(map(prod, sizes))


@dataclass(frozen=True, slots=True)
class Memory:
    """What a machine has for one painting.

    Attributes:
        free: in bytes; the images are in it too.
        limit: how many of them one painting may plan with; None for all of them.
        automatic: what the network computes in where the options leave it open.
    """

    free: int
    limit: int | None
    automatic: ComputedIn

    def most_pixels(self, options: Options, backbone: str, image_bytes: int = 0) -> int:
        """How many pixels a picture may have: in the smallest tiles, with the shortest history.

        Args:
            backbone: the one that paints it, by its name.
            image_bytes: what the images that it is made from take.
        """
        free = self.free - image_bytes
        planned = USABLE * (free if self.limit is None else min(free, self.limit))
        computed_in = self.automatic if options.precision == "auto" else options.precision
        itemsize = ITEMSIZE.get(computed_in, FLOAT)
        layers = compared_layers(options, backbone)
        state = float(state_bytes(1, options, min(MIN_HISTORY, options.lbfgs_history)))
        tile = (MIN_TILE_SIDE + 2 * halo_width(layers)) ** 2
        whole = planned / (state + evaluation_bytes(1, layers, itemsize))
        if whole <= tile:
            return max(0, int(whole))
        return int((planned - evaluation_bytes(tile, layers, itemsize)) / state)
