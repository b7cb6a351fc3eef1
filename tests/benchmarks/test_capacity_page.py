"""The tables of the page about capacity."""

import json

import pytest

from benchmarks import capacity_page
from benchmarks.service_rates import GPU_PICTURES


def test_the_tables_in_the_documentation_are_what_was_measured_and_simulated() -> None:
    text = capacity_page.PAGE.read_text("utf-8")
    current = capacity_page.page(text, capacity_page.read_plans())
    assert current == text, "run: python -m benchmarks.capacity_page"


@pytest.mark.parametrize("name", GPU_PICTURES)
def test_the_committed_plans_follow_from_the_committed_rates(name: str) -> None:
    committed = next(row for row in capacity_page.read_plans() if row["picture"] == name)
    simulated = capacity_page.simulate_row(committed["pictures"], name)
    assert json.loads(json.dumps(simulated)) == committed, (
        "run: python -m benchmarks.capacity_page --simulate"
    )


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(AssertionError, match="has lost <!-- rates"):
        capacity_page.page("# Capacity\n", capacity_page.read_plans())
