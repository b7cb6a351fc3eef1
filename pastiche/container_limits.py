"""What the container that this process runs in may use: memory and processors.

Linux limits both by control groups, in version 2 or 1. A container sees its own group. The engine
and the service both use this module, so it needs only Python.
"""

import os
from math import ceil, inf
from pathlib import Path

_CONTROL_GROUP = Path("/sys/fs/cgroup")

_MEMORY = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""The files with the limit, the memory in use, and the file cache, a part of it that can be
dropped: in version 2 of control groups, and in version 1."""

_QUOTA = "cpu.max"
_QUOTA_V1, _PERIOD_V1 = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


def memory_limit() -> float:
    """How many bytes of memory the container may use; infinity if it is unlimited."""
    for limit, *_ in _MEMORY:
        text = _read(limit)
        if text is not None:
            return inf if text == "max" else int(text)
    return inf


def free_memory() -> float:
    """What remains of the container's memory, in bytes; infinity if it is unlimited."""
    for limit, used, statistics, cache in _MEMORY:
        whole, taken = _read(limit), _read(used)
        if whole is None or taken is None:
            continue
        if whole == "max":
            return inf
        return int(whole) - int(taken) + _read_count(statistics, cache)
    return inf


def usable_processors() -> int:
    """How many processors this process may use, at least 1: the number that it may run on, or fewer
    if the container may use them only part of the time."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, ceil(min(processors, _cpu_quota())))


def _cpu_quota() -> float:
    """How many processors' time the container may use; infinity if it is unlimited."""
    words = (_read(_QUOTA) or f"{_read(_QUOTA_V1)} {_read(_PERIOD_V1)}").split()
    if not all(word.isdecimal() for word in words):  # `max`, -1 or None
        return inf
    quota, period = map(int, words)
    return quota / period


def _read_count(statistics: str, name: str) -> int:
    """One of a control group's counts, in bytes; 0 where it is absent."""
    lines = (_read(statistics) or "").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def _read(name: str) -> str | None:
    """The text of one of the control group's files; None if it does not exist."""
    try:
        return (_CONTROL_GROUP / name).read_text().strip()
    except OSError:
        return None
