"""What the process does with memory that was freed; each in a process of its own."""

import subprocess
import sys

import pytest

HUNDRED_MEGABYTES = 100 * 10**6

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only glibc has the setting")


def printed(program: str) -> int:
    """The number that a program prints."""
    prelude = """
import resource
import torch
from pastiche.engine.allocator import give_back_freed_memory, keep_freed_memory

def used_and_freed():
    for _ in range(20):
        torch.ones(100 * 10**6, dtype=torch.uint8)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
"""
    command = [sys.executable, "-c", prelude + program]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


COUNT_FAULTS = """
used_and_freed()
before = faults()
used_and_freed()
print(faults() - before)
"""


def test_kept_memory_is_used_again_without_asking_the_system() -> None:
    assert printed("keep_freed_memory()" + COUNT_FAULTS) < printed(COUNT_FAULTS) / 100


def test_kept_memory_can_be_given_back() -> None:
    kept = "keep_freed_memory()\nused_and_freed()\nbefore = resident()\n"
    given_back = printed(kept + "give_back_freed_memory()\nprint(before - resident())")
    assert given_back > 0.9 * HUNDRED_MEGABYTES
