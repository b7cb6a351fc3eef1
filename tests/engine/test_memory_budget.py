"""The memory of a run: how much there is, and how a picture is planned for it."""

from pathlib import Path

import pytest
import torch

from pastiche.engine.backbone import VGG_SHARES
from pastiche.engine.fast import memory
from pastiche.engine.fast.memory import MemoryBudget, free_memory
from pastiche.options import LayerName, Options

FIVE: frozenset[LayerName] = frozenset(
    {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"}
)
GIB = 2**30
LAYERS: list[dict[LayerName, float]] = [{"relu4_2": 1.0}, {"relu4_2": 1.0, "relu1_2": 1.0}]


def budget(gibibytes: float, itemsize: int = 2) -> MemoryBudget:
    return MemoryBudget(int(gibibytes * GIB), itemsize, FIVE)


def test_what_fits_is_painted_whole_with_the_chosen_history() -> None:
    plan = budget(8).plan((1024, 1024), Options(lbfgs_history=12))
    assert (plan.tile_side, plan.history) == (None, 12)


def test_what_does_not_fit_is_painted_in_tiles_on_the_grid() -> None:
    plan = budget(6).plan((2160, 3840), Options())
    assert plan.tile_side is not None
    assert plan.tile_side % 16 == 0
    assert plan.history == 10


def test_less_memory_means_smaller_tiles_and_then_a_shorter_history() -> None:
    plans = [budget(gibibytes).plan((2160, 3840), Options()) for gibibytes in (16, 8, 6, 4)]
    sides = [plan.tile_side or 4096 for plan in plans]
    assert sides == sorted(sides, reverse=True)
    assert [plan.history for plan in plans[:3]] == [10, 10, 10]
    assert plans[3].history < 10


def test_float32_takes_more_memory_than_bfloat16() -> None:
    narrow, wide = (budget(6, itemsize).plan((2160, 3840), Options()) for itemsize in (2, 4))
    assert (wide.tile_side or 0) < (narrow.tile_side or 0)


def test_a_picture_that_never_fits_is_refused() -> None:
    with pytest.raises(MemoryError, match="3840×2160"):
        budget(1).plan((2160, 3840), Options())


def test_a_picture_of_the_max_pixels_fits_and_a_larger_one_does_not() -> None:
    options = Options()
    side = int(budget(1).max_pixels(options) ** 0.5)
    budget(1).plan((side, side), options)
    with pytest.raises(MemoryError):
        budget(1).plan((side + 16, side + 16), options)


def test_more_content_layers_take_more_memory() -> None:
    usual, two = (budget(6).max_pixels(Options(content_layers=layers)) for layers in LAYERS)
    assert two < usual


def test_memory_that_a_checkpoint_releases_is_budgeted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: GIB)
    here = torch.device("cpu")
    measured = MemoryBudget.measure(Options(), VGG_SHARES, here, released_bytes=GIB)
    assert measured.free_bytes == 2 * GIB
    limited = MemoryBudget.measure(Options(), VGG_SHARES, here, GIB, released_bytes=GIB)
    assert limited.free_bytes == GIB


def test_the_container_s_limit_counts_where_it_is_less_than_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_CONTROL_GROUP", tmp_path)
    everything = free_memory(torch.device("cpu"))
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert free_memory(torch.device("cpu")) == 600_000 < everything
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    assert free_memory(torch.device("cpu")) == 650_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(torch.device("cpu")) > 600_000
