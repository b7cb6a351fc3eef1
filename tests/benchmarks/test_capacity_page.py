"""The tables of the page about capacity."""

import json
from typing import Any

import pytest

from benchmarks import capacity_page
from benchmarks.service_rates import GPU_PICTURES


def list_numbers(value: Any, path: str = "") -> dict[str, float]:
    """The numbers in a JSON document, by path."""
    if isinstance(value, dict):
        return {
            name: number
            for key, each in value.items()
            for name, number in list_numbers(each, f"{path}/{key}").items()
        }
    return {path: value} if isinstance(value, int | float) else {}


def test_the_tables_in_the_documentation_have_the_committed_results() -> None:
    text = capacity_page.PAGE.read_text("utf-8")
    current = capacity_page.page(text, capacity_page.read_plans())
    assert current == text, "run: python -m benchmarks.capacity_page"


@pytest.mark.parametrize("name", GPU_PICTURES)
def test_the_committed_plans_follow_from_the_committed_rates(name: str) -> None:
    committed = next(row for row in capacity_page.read_plans() if row["picture"] == name)
    simulated = capacity_page.simulate_row(committed["pictures"], name)
    found, expected = (
        list_numbers(json.loads(json.dumps(each))) for each in (simulated, committed)
    )
    assert found.keys() == expected.keys()
    # Logarithms, and so the random times, may be rounded differently on another machine.
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-3), (
        "run: python -m benchmarks.capacity_page --simulate"
    )


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(AssertionError, match="has lost <!-- rates"):
        capacity_page.page("# Capacity\n", capacity_page.read_plans())
