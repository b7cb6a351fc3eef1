"""The limits of a container, in the files of its control group (Linux)."""

from collections.abc import Mapping
from math import inf
from pathlib import Path

import pytest

from pastiche import container_limits
from pastiche.container_limits import free_memory, memory_limit, usable_processors

UNLIMITED_V1 = 9_223_372_036_854_771_712


@pytest.fixture
def control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for the files of this process's control group, still empty."""
    monkeypatch.setattr(container_limits, "_CONTROL_GROUP", tmp_path)
    return tmp_path


@pytest.fixture
def _eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)


def write(control_group: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = control_group / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("files", "bytes_"),
    [
        ({}, inf),
        ({"memory.max": "max"}, inf),
        ({"memory.max": "4294967296"}, 2**32),
        ({"memory/memory.limit_in_bytes": "4294967296"}, 2**32),
        ({"memory/memory.limit_in_bytes": str(UNLIMITED_V1)}, UNLIMITED_V1),
    ],
)
def test_the_limit_of_memory_is_read(
    files: dict[str, str], bytes_: float, control_group: Path
) -> None:
    write(control_group, files)
    assert memory_limit() == bytes_


def test_memory_in_the_file_cache_is_free(control_group: Path) -> None:
    assert free_memory() == inf
    write(control_group, {"memory.max": "1000", "memory.current": "400"})
    assert free_memory() == 600
    write(control_group, {"memory.stat": "anon 300\ninactive_file 50"})
    assert free_memory() == 650
    write(control_group, {"memory.max": "max"})
    assert free_memory() == inf


def test_memory_is_measured_in_the_first_version_of_control_groups(control_group: Path) -> None:
    files = {"limit_in_bytes": "1000", "usage_in_bytes": "400"}
    write(control_group, {f"memory/memory.{name}": text for name, text in files.items()})
    write(control_group, {"memory/memory.stat": "inactive_file 9\ntotal_inactive_file 50"})
    assert free_memory() == 650


@pytest.mark.usefixtures("_eight_processors")
@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "250000 100000"}, 3),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "1600000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_processors_are_those_that_the_process_may_use(
    files: dict[str, str], processors: int, control_group: Path
) -> None:
    write(control_group, files)
    assert usable_processors() == processors
