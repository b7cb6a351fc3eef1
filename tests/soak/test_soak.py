"""A short run of the soak, and what it computes; `make soak` is the long one."""

import json
from pathlib import Path
from random import Random

import pytest

from tests.processes import needs_proc
from tests.soak.__main__ import main
from tests.soak.process_samples import Sample, describe_quantity, describe_series


def test_the_slope_of_a_quantity_is_that_of_the_straight_line_in_it() -> None:
    chance = Random(1)
    points = [(each / 100, 50 + 3 * each / 100 + chance.gauss(0, 0.1)) for each in range(100)]
    found = describe_quantity(points)
    assert abs(found["per_hour"] - 3) < 4 * found["standard_error"] < 0.5
    assert found["means"] == sorted(found["means"])


def test_of_each_role_the_process_that_lived_longest_is_described_after_its_warm_up() -> None:
    def lived(start: int, end: int, megabytes: float) -> list[Sample]:
        return [Sample(each / 100, megabytes, 1, 5, 2) for each in range(start, end)]

    series = {("api", 1): lived(0, 30, 70), ("api", 2): lived(30, 100, 80)}
    found = describe_series(series, warm_up_hours=0.2)
    assert found["api"]["minutes"] == pytest.approx(60 * 0.49, abs=0.1)
    assert found["api"]["resident_megabytes"]["most"] == 80
    assert found["api"]["resident_megabytes"]["per_hour"] == 0


@needs_proc
@pytest.mark.slow
def test_nothing_breaks_under_mixed_load_with_faults(tmp_path: Path) -> None:
    record = tmp_path / "soak.json"
    arguments = ["--minutes", "0.5", "--every", "8", "--seed", "3", "--record", str(record)]
    status = main(arguments)
    found = json.loads(record.read_text())
    assert (status, found["broken"], found["temporary_files"]) == (0, [], [])
    assert {"api", "reconciler-0", "redis", "worker-1", "worker-1, child"} <= set(
        found["processes"]
    )
