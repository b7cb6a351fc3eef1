"""Freed memory, kept for the next iteration instead of given back to the system at once.

An evaluation on a processor takes and frees its feature maps, the same ones each time. The C
library gives such large blocks back at once, and the system then has to clear every page of them
anew: a fifth of an iteration at 512 px. It is a setting of the whole process, so the process
decides: the worker does, a program that has other plans with its memory need not.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Lets the C library keep what is freed; whether it can (glibc does, macOS has no need to)."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, _NEVER))


def give_back_freed_memory() -> None:
    """Gives back what was kept: a large picture's memory is not to be held when it is done."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
