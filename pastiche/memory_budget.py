"""About how much memory a painting takes, and how large a picture may be in the memory there is.

One estimate for the engine, which plans with it, and for the service, which gives a job to a worker
that can paint it. It needs nothing but Python.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Literal

from pastiche.network_layers import (
    CHANNELS,
    GRID,
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

MAX_TILE_SIDE = 2048
"""A tile need not be larger: its halo is then a seventh of it."""

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


class TooLarge(MemoryError):
    """There is not enough memory for a picture of this size."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a picture is painted in the memory that there is.

    Attributes:
        tile_side: of a tile without its halo, in pixels; None where the whole picture fits.
        history: the length of L-BFGS' history.
    """

    tile_side: int | None
    history: int


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """The memory for one run.

    Attributes:
        free_bytes: what may be used.
        itemsize: bytes of a number in the feature maps.
        layers: at which the network's feature maps are compared.
    """

    free_bytes: int
    itemsize: int
    layers: frozenset[LayerName]

    def plan(self, size: Size, options: Options) -> MemoryPlan:
        """The longest history and then the largest tiles that fit a picture of this size.

        Raises:
            TooLarge: not even the smallest tiles fit, with the shortest history.
        """
        pixels, history = prod(size), options.lbfgs_history
        smallest = min(pixels, self._smallest_tile)
        while self._remaining(pixels, options, history) < self._evaluation(smallest):
            if history <= MIN_HISTORY:
                height, width = size
                raise TooLarge(f"A picture of {width}×{height} needs more memory than there is.")
            history -= 1
        remaining = self._remaining(pixels, options, history)
        if self._evaluation(pixels) <= remaining:
            return MemoryPlan(None, history)
        side = isqrt(int(remaining / self._evaluation(1))) - 2 * halo_width(self.layers)
        side = max(MIN_TILE_SIDE, min(side, MAX_TILE_SIDE))
        return MemoryPlan(GRID * (side // GRID), history)

    def most_pixels(self, options: Options) -> int:
        """How many pixels a picture may have: in the smallest tiles, with the shortest history."""
        planned = USABLE * self.free_bytes
        state = float(_state_bytes(1, options, min(MIN_HISTORY, options.lbfgs_history)))
        whole = planned / (state + self._evaluation(1))
        if whole <= self._smallest_tile:
            return max(0, int(whole))
        return int((planned - self._evaluation(self._smallest_tile)) / state)

    @property
    def _smallest_tile(self) -> int:
        """The pixels of the smallest tile with its halo."""
        return (MIN_TILE_SIDE + 2 * halo_width(self.layers)) ** 2

    def _remaining(self, pixels: int, options: Options, history: int) -> float:
        """The bytes that remain for the evaluation."""
        return USABLE * self.free_bytes - _state_bytes(pixels, options, history)

    def _evaluation(self, pixels: int) -> float:
        """The bytes of an evaluation: the feature maps, which are held, and what the widest of them
        needs while it is worked on."""
        deepest = max(LAYERS.index(layer) for layer in self.layers)
        held = sum(
            (outgoing + (incoming if layer in POOLED_BEFORE else 0)) / stride_at(layer) ** 2
            for layer, (incoming, outgoing) in list(CHANNELS.items())[: deepest + 1]
        )
        return pixels * (held * self.itemsize + 64 * WORKED_ON[self.itemsize])


def _state_bytes(pixels: int, options: Options, history: int) -> int:
    """What the picture, the optimiser and the content's feature maps take."""
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
        computed_in = self.automatic if options.precision == "auto" else options.precision
        budget = MemoryBudget(
            free if self.limit is None else min(free, self.limit),
            ITEMSIZE.get(computed_in, FLOAT),
            compared_layers(options, backbone),
        )
        return budget.most_pixels(options)
