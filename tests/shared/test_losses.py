"""Losses as records and files contain them, also those of older and newer versions."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.progress import Losses, Progress
from tests.api.worker import PROGRESS

OLDER = {"content": 1.0, "style": 2.0, "tv": 0.5, "total": 3.75}
EQUAL = {"content_weight": 0.5, "style_weight": 0.5, "tv_weight": 0.001}
MORE_STYLE = EQUAL | {"style_weight": 0.8}


def losses_with_changed_weights() -> Losses:
    """Four iterations, with more style from the third on."""
    losses = Losses()
    for iteration, weights in enumerate((EQUAL, EQUAL, MORE_STYLE, MORE_STYLE), 1):
        losses.add(replace(PROGRESS, iteration=iteration), weights)
    return losses


def test_progress_without_the_gamut_has_it_from_the_total() -> None:
    older = replace(PROGRESS, losses=OLDER).to_json()
    assert Progress.from_json(older) == PROGRESS


def test_curves_without_the_gamut_have_it_from_the_total() -> None:
    columns = {name: [value, 2 * value] for name, value in OLDER.items()}
    older = json.dumps({"iterations": [1, 2], "scales": [1, 1], **columns})
    assert Losses.from_json(older.encode()).gamut == [0.25, 0.5]


def test_a_rounded_total_gives_no_negative_gamut() -> None:
    columns = {"content": [1.0], "style": [2.0], "tv": [0.5], "total": [3.49999]}
    older = json.dumps({"iterations": [1], "scales": [1], **columns})
    assert Losses.from_json(older.encode()).gamut == [0.0]


def test_a_newer_version_s_columns_are_ignored() -> None:
    losses = Losses()
    losses.add(PROGRESS, EQUAL)
    newer = json.loads(losses.to_json()) | {"tomorrow": [1.0]}
    assert Losses.from_json(json.dumps(newer).encode()) == losses


def test_weights_are_listed_with_the_first_iteration_that_used_them() -> None:
    expected = [{"iteration": 1, **EQUAL}, {"iteration": 3, **MORE_STYLE}]
    assert losses_with_changed_weights().weights == expected


def test_losses_before_an_iteration_have_only_the_weights_before_it() -> None:
    earlier = losses_with_changed_weights().until(3)
    assert (earlier.iterations, earlier.weights) == ([1, 2], [{"iteration": 1, **EQUAL}])


def test_curves_of_an_older_version_have_no_weights() -> None:
    older = json.loads(losses_with_changed_weights().to_json())
    del older["weights"]
    assert Losses.from_json(json.dumps(older).encode()).weights == []


UNUSABLE_WEIGHTS: list[Any] = [
    None,
    5,
    {"iteration": 1, **EQUAL},
    ["text"],
    [EQUAL],
    [EQUAL | {"iteration": "1"}],
    [{"iteration": 1}],
    [{"iteration": 1, **EQUAL, "style_weight": None}],
]


@pytest.mark.parametrize("weights", UNUSABLE_WEIGHTS, ids=str)
def test_weights_of_another_form_are_left_out(weights: Any) -> None:
    losses = losses_with_changed_weights()
    other = json.loads(losses.to_json()) | {"weights": weights}
    read = Losses.from_json(json.dumps(other).encode())
    assert (read.total, read.weights) == (losses.total, [])
    assert read.until(3).iterations == [1, 2]


@pytest.mark.parametrize("column", [5, None, "12345678", {"1": 1}, ["1"] * 4, [None] * 4], ids=str)
@pytest.mark.parametrize("name", ["iterations", "scales", "content", "gamut", "total"])
def test_a_column_that_is_no_list_of_numbers_is_refused(name: str, column: Any) -> None:
    damaged = json.loads(losses_with_changed_weights().to_json()) | {name: column}
    with pytest.raises(ValueError, match="contains no loss curves"):
        Losses.from_json(json.dumps(damaged).encode())


@pytest.mark.parametrize("text", [b"[]", b"{}", b"5", b'{"iterations": [1]}', b"no JSON"])
def test_a_file_without_loss_curves_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"curves|value"):
        Losses.from_json(text)


def test_curves_of_different_lengths_are_refused() -> None:
    losses = Losses()
    losses.add(PROGRESS, EQUAL)
    uneven = json.loads(losses.to_json()) | {"scales": []}
    with pytest.raises(ValueError, match="different lengths"):
        Losses.from_json(json.dumps(uneven).encode())
