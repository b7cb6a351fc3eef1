"""The memory of a device: how much of it is free, and how a run continues when it runs out."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from os import sysconf
from pathlib import Path
from typing import TypeVar

import torch

from pastiche import container_limits
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.fast.cuda import is_recording
from pastiche.memory_budget import MIN_TILE_SIDE, MemoryBudget, TooLarge
from pastiche.network_layers import GRID, compared_layers
from pastiche.options import Options
from pastiche.sizes import Scale

Result = TypeVar("Result")


def measure_budget(
    options: Options,
    backbone: str,
    device: torch.device,
    limit_bytes: int | None = None,
    released_bytes: int = 0,
) -> MemoryBudget:
    """The memory budget of a run on a device: `limit_bytes`, or the device's free memory.

    Args:
        backbone: the name of the backbone that paints.
        released_bytes: how much of the memory that is in use now will be released before painting.
    """
    free = limit_bytes
    if free is None:
        free = free_memory(device) + released_bytes
    itemsize = convolution_dtype(device, options).itemsize
    return MemoryBudget(free, itemsize, compared_layers(options, backbone))


class RunMemory:
    """The memory of a run. A picture that does not fit is computed in tiles.

    Attributes:
        tile_side: how wide and high a tile is, in pixels. None for the whole picture.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.tile_side: int | None = None
        self._longest_side = 0

    def plan(self, scale: Scale, options: Options) -> int:
        """Plans the memory of a scale, and returns the length of L-BFGS' history.

        Raises:
            TooLarge: it does not fit, even in the smallest tiles.
        """
        plan = self._budget.plan(scale.size, options)
        self.tile_side, self._longest_side = plan.tile_side, scale.longest_side
        return plan.history

    def fit(self, compute: Callable[[], Result]) -> Result:
        """The result of a computation. If memory runs out, tries again with tiles of half the side.

        Raises:
            TooLarge: it does not fit, even in the smallest tiles.
        """
        while True:
            try:
                return compute()
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or is_recording():
                    raise
            side = self.tile_side or self._longest_side
            if side <= MIN_TILE_SIDE:
                raise TooLarge("Not even the smallest tiles fit in memory.")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.tile_side = max(MIN_TILE_SIDE, GRID * (side // 2 // GRID))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out. torch's CPU allocator raises a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def free_memory(device: torch.device) -> int:
    """How many bytes of memory a device has free. For the CPU, the container's limit applies."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    return int(min(_free_memory_of_machine(), container_limits.free_memory()))


def total_memory(device: torch.device) -> int:
    """How many bytes of memory a device has. For the CPU, the container's limit applies."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return int(min(_memory_of_machine(), container_limits.memory_limit()))


def retain_freed_memory() -> bool:
    """Makes the C library retain freed memory. Returns whether it can: glibc can, macOS does not
    need to.

    An evaluation on the CPU allocates and frees feature maps of the same sizes each time. The C
    library returns such large blocks to the system at once, and the system has to clear all their
    pages again, which takes a fifth of an iteration at 512 px. The setting applies to the whole
    process, so the program decides whether to call this.
    """
    library = _c_library()
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, _NEVER))


def release_freed_memory() -> None:
    """Returns retained memory to the system."""
    library = _c_library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _c_library() -> ctypes.CDLL:
    """The C library, loaded once: each load creates types that only garbage collection frees."""
    return ctypes.CDLL(None)


_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h
_NEVER = 2**31 - 1


def _free_memory_of_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux: assume half of all memory
        return _memory_of_machine() // 2
    (kibibytes,) = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kibibytes) * 1024


def _memory_of_machine() -> int:
    return sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE")
