"""How much memory a painting takes, how much there is, and how large a tile fits into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isqrt
from os import sysconf
from pathlib import Path

import torch

from pastiche.engine.precision import convolution_dtype
from pastiche.memory import LEAST_HISTORY, SMALLEST_TILE, SPARE, evaluation_bytes, state_bytes
from pastiche.network_layers import GRID, halo_of, layers_of
from pastiche.options import LayerName, Options

LARGEST_TILE = 2048
"""A tile need not be larger: its halo is then a seventh of it."""


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

    def _left(self, pixels: int, options: Options, history: int) -> float:
        """What is left for the evaluation, in bytes."""
        return SPARE * self.free - state_bytes(pixels, options, history)

    def _evaluation(self, pixels: int) -> float:
        """What an evaluation of this many pixels takes, in bytes."""
        return evaluation_bytes(pixels, self.layers, self.itemsize)


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
