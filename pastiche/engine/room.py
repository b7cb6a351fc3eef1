"""How much memory a painting takes, how much there is, and how large a tile fits into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isqrt
from os import sysconf
from pathlib import Path

import torch

from pastiche.engine.backbone import CHANNELS, POOLED_BEFORE
from pastiche.engine.precision import convolution_dtype
from pastiche.engine.targets import layer_weights, layers_of
from pastiche.engine.tiles import GRID, halo_of, stride_of
from pastiche.options import LAYERS, LayerName, Options

SMALLEST_TILE = 128
"""Below this side, in pixels, a tile would be little but halo."""

LARGEST_TILE = 2048
"""A tile need not be larger: its halo is then a seventh of it."""

SPARE = 0.8
"""What share of the free memory a painting may plan with: its estimate is none to the byte."""

WORKED_ON = {2: 10, 4: 44}
"""How many bytes a number in the widest maps takes while they are worked on, by its size. That of
float32 is measured (`benchmarks.memory`): freed memory that is kept has gaps."""

FLOAT = 4
"""Bytes of a number in pixels, the optimiser, and the content image's feature maps."""

PICTURES = 16
"""How many float32 copies of the picture there are at once beside the optimiser's history."""

LEAST_HISTORY = 2
"""The shortest history that is taken before a picture is refused."""


class TooLarge(MemoryError):
    """The memory does not suffice for a picture of this size."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture is painted in the memory that there is.

    Attributes:
        tile_side: of a tile without its halo, in pixels; None where the whole picture fits.
        history: how many steps L-BFGS remembers.
    """

    tile_side: int | None
    history: int


@dataclass(frozen=True, slots=True)
class Room:
    """The memory for one painting.

    Attributes:
        free: in bytes.
        itemsize: bytes of a number in the feature maps.
        layers: where the network is looked at.
    """

    free: int
    itemsize: int
    layers: frozenset[LayerName]

    def fit(self, size: tuple[int, int], options: Options, pictures: int = 1) -> Fit:
        """The longest history and then the largest tiles that fit.

        Args:
            size: (H, W) of the picture.
            pictures: how many of them are painted at once.

        Raises:
            TooLarge: not even the smallest tiles do, with the shortest history.
        """
        (height, width), halo = size, halo_of(self.layers)
        pixels = pictures * height * width
        seen = min(pixels, pictures * (SMALLEST_TILE + 2 * halo) ** 2)
        history = options.lbfgs_history
        while self._left(pixels, options, history) < self._evaluation(seen):
            if history <= LEAST_HISTORY:
                raise TooLarge(f"A picture of {width}×{height} needs more memory than there is.")
            history -= 1
        left = self._left(pixels, options, history)
        if self._evaluation(pixels) <= left:
            return Fit(None, history)
        side = isqrt(int(left / self._evaluation(pictures))) - 2 * halo
        return Fit(GRID * (max(SMALLEST_TILE, min(side, LARGEST_TILE)) // GRID), history)

    def most_pixels(self, options: Options) -> int:
        """How many pixels a picture may have."""
        tile = self._evaluation((SMALLEST_TILE + 2 * halo_of(self.layers)) ** 2)
        return int((SPARE * self.free - tile) / _state_bytes(1, options, LEAST_HISTORY))

    def _left(self, pixels: int, options: Options, history: int) -> float:
        """What is left for the evaluation, in bytes."""
        return SPARE * self.free - _state_bytes(pixels, options, history)

    def _evaluation(self, pixels: int) -> float:
        """About what an evaluation of this many pixels takes, in bytes: the feature maps, which
        are kept, and what the widest of them needs while it is worked on."""
        deepest = max(LAYERS.index(layer) for layer in self.layers)
        kept = sum(
            (outgoing + (incoming if layer in POOLED_BEFORE else 0)) / stride_of(layer) ** 2
            for layer, (incoming, outgoing) in list(CHANNELS.items())[: deepest + 1]
        )
        return pixels * (kept * self.itemsize + 64 * WORKED_ON[self.itemsize])


def _state_bytes(pixels: int, options: Options, history: int) -> int:
    """About what the picture, the optimiser and the content's feature map take."""
    remembered = 2 * history + 1 if options.optimiser == "lbfgs" else 2
    contents, _ = layer_weights(options, {})
    looked_at = sum(FLOAT * CHANNELS[layer][1] / stride_of(layer) ** 2 for layer in contents)
    return int(pixels * (3 * FLOAT * (remembered + PICTURES) + looked_at))


def room_for(
    options: Options,
    shares: Mapping[LayerName, float],
    device: torch.device,
    memory: int | None = None,
    passing: int = 0,
) -> Room:
    """The room of a painting on a device, in `memory` bytes, or in what the device has free.

    Args:
        shares: of the style's layers, the backbone's own (`BackboneSource.shares`).
        passing: how many bytes of what the device holds now are given back before it is painted.
    """
    free = free_memory(device) + passing if memory is None else memory
    return Room(free, convolution_dtype(device, options).itemsize, layers_of(options, shares))


def free_memory(device: torch.device) -> int:
    """How many bytes a device has free: of the processor, no more than its container may have."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + kept)
    return int(min(_free_on_machine(), _free_in_container()))


def _free_on_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # no Linux: half of what there is at all
        return int(sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE") // 2)
    (kibibytes,) = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kibibytes) * 1024


def _free_in_container() -> float:
    """What is left of a control group's limit; infinity where there is none."""
    for limit, used, statistics, forgettable in _LIMITS:
        try:
            whole, taken = (_CONTROL_GROUP / limit).read_text(), (_CONTROL_GROUP / used).read_text()
        except OSError:
            continue
        if whole.strip() == "max":
            return inf
        return int(whole) - int(taken) + _counted(_CONTROL_GROUP / statistics, forgettable)
    return inf


def _counted(statistics: Path, name: str) -> int:
    """One of a control group's counts, in bytes; 0 where it is not told."""
    try:
        lines = statistics.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name} "))


_CONTROL_GROUP = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Where the limit stands, what is used of it, and what of that are files that were read and can be
forgotten; in version 2 of control groups and in version 1."""
