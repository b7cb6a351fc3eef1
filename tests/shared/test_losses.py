"""Losses as records and files have them, those of older and newer versions among them."""

import json
from dataclasses import replace

import pytest

from shared.progress import Losses, Progress
from tests.api.worker import PROGRESS

OLDER = {"content": 1.0, "style": 2.0, "tv": 0.5, "total": 3.75}


def test_progress_without_the_gamut_has_it_from_the_total() -> None:
    older = replace(PROGRESS, losses=OLDER).to_json()
    assert Progress.from_json(older) == PROGRESS


def test_curves_without_the_gamut_have_it_from_the_total() -> None:
    columns = {name: [value, 2 * value] for name, value in OLDER.items()}
    older = json.dumps({"iterations": [1, 2], "scales": [1, 1], **columns})
    assert Losses.from_json(older.encode()).gamut == [0.25, 0.5]


def test_a_rounded_total_gives_no_gamut_below_nothing() -> None:
    columns = {"content": [1.0], "style": [2.0], "tv": [0.5], "total": [3.49999]}
    older = json.dumps({"iterations": [1], "scales": [1], **columns})
    assert Losses.from_json(older.encode()).gamut == [0.0]


def test_a_newer_version_s_columns_are_ignored() -> None:
    losses = Losses()
    losses.add(PROGRESS)
    newer = json.loads(losses.to_json()) | {"tomorrow": [1.0]}
    assert Losses.from_json(json.dumps(newer).encode()) == losses


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"iterations": [1]}', b"no JSON"])
def test_a_file_without_loss_curves_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"curves|value"):
        Losses.from_json(text)


def test_curves_of_different_lengths_are_refused() -> None:
    losses = Losses()
    losses.add(PROGRESS)
    uneven = json.loads(losses.to_json()) | {"scales": []}
    with pytest.raises(ValueError, match="different lengths"):
        Losses.from_json(json.dumps(uneven).encode())
