"""What happens to freed memory, tested in a separate process."""

import json
import subprocess
import sys

import pytest

FORTY_MEGABYTES = 40 * 10**6

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only glibc has the setting")

PROGRAM = """
import json
import resource
import torch
from pastiche.engine.fast.memory import release_freed_memory, retain_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def use_and_free():
    for _ in range(20):
        torch.ones(40 * 10**6, dtype=torch.uint8)

def grown():
    return resident() - before

use_and_free()
before = resident()
use_and_free()
found = {"without the setting": grown()}
retain_freed_memory()
use_and_free()
found["retained"] = grown()
use_and_free()
found["used again"] = grown()
release_freed_memory()
found["released"] = grown()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def grown() -> dict[str, int]:
    """How many bytes the process had grown at each point of the program."""
    command = [sys.executable, "-c", PROGRAM]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, int] = json.loads(printed)
    return found


def test_freed_memory_is_retained_if_requested(grown: dict[str, int]) -> None:
    assert grown["without the setting"] < 0.1 * FORTY_MEGABYTES
    assert grown["retained"] > 0.9 * FORTY_MEGABYTES


def test_retained_memory_is_used_again(grown: dict[str, int]) -> None:
    assert grown["used again"] < grown["retained"] + 2 * FORTY_MEGABYTES  # of twenty


def test_retained_memory_can_be_released(grown: dict[str, int]) -> None:
    assert grown["released"] < 0.1 * FORTY_MEGABYTES
