"""Estimates how much memory a painting takes, and how large a picture may be in the free memory.

The engine plans with this estimate, and the service uses it to give a job to a worker that can
paint it. This module needs only Python.
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
"""A larger tile would help little: at this side the halo is only a seventh of the tile."""

USABLE = 0.8
"""The share of the free memory that a painting may plan with, because the estimate is not exact."""

WORKED_ON = {2: 10, 4: 44}
"""How many bytes a number in the widest maps takes while these are computed, by its size in bytes.
The value for float32 is measured (`benchmarks.memory`) and includes gaps in retained memory."""

FLOAT = 4
"""Bytes of a number in images, the optimiser, and the content image's feature maps."""

PICTURES = 16
"""How many float32 copies of the picture exist at once, in addition to the optimiser's history."""

MIN_HISTORY = 2
"""The shortest history that is tried before a picture is refused."""

CONTENT_COPIES = 3
"""The content image as given, in the colours it is painted in, and in the styles' palette."""

ComputedIn = Literal["bfloat16", "float32"]
"""The precision that the network computes in."""

ITEMSIZE: dict[ComputedIn, int] = {"bfloat16": 2, "float32": 4}
"""Bytes of a number in the feature maps."""

Size = tuple[int, int]
"""(H, W) of an image."""


class TooLarge(MemoryError):
    """There is not enough memory for a picture of this size."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a picture is painted in the available memory.

    Attributes:
        tile_side: the side of a tile without its halo, in pixels. None if the whole picture fits.
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
        """The longest history, and then the largest tiles, with which this size fits in memory.

        Raises:
            TooLarge: not even the smallest tiles fit, with the shortest history.
        """
        pixels, history = prod(size), options.lbfgs_history
        smallest = min(pixels, self._smallest_tile)
        while self._remaining(pixels, options, history) < self._evaluation(smallest):
            if history <= MIN_HISTORY:
                height, width = size
                raise TooLarge(f"There is not enough memory for a picture of {width}×{height}.")
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
        """The bytes of an evaluation: for all feature maps, which are kept, and for computing the
        widest of them."""
        deepest = max(LAYERS.index(layer) for layer in self.layers)
        kept_channels = sum(
            (outgoing + (incoming if layer in POOLED_BEFORE else 0)) / stride_at(layer) ** 2
            for layer, (incoming, outgoing) in list(CHANNELS.items())[: deepest + 1]
        )
        return pixels * (kept_channels * self.itemsize + 64 * WORKED_ON[self.itemsize])


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
        masked: the size of the image of each mask.
        start: the size of the start image, if one is given.
    """

    content: Size
    styles: Sequence[Size]
    masked: Sequence[Size] = ()
    start: Size | None = None

    def total_bytes(self, options: Options) -> int:
        """The bytes of the images during painting: as they were given, recoloured if the options
        say so, and the style images also at the size that the network sees."""
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
    """The memory of a machine for one painting.

    Attributes:
        free: the free memory in bytes, before the images are loaded.
        limit: how many of these bytes one painting may plan with. None for all.
        automatic: the precision of the network if the options have `auto`.
    """

    free: int
    limit: int | None
    automatic: ComputedIn

    def most_pixels(self, options: Options, backbone: str, image_bytes: int = 0) -> int:
        """How many pixels a picture may have: in the smallest tiles, with the shortest history.

        Args:
            backbone: the name of the backbone that paints.
            image_bytes: how many bytes the images take.
        """
        free = self.free - image_bytes
        computed_in = self.automatic if options.precision == "auto" else options.precision
        budget = MemoryBudget(
            free if self.limit is None else min(free, self.limit),
            ITEMSIZE.get(computed_in, FLOAT),
            compared_layers(options, backbone),
        )
        return budget.most_pixels(options)
