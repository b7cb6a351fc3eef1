"""The memory of a run: how much is free, and how a picture is planned for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pastiche import container_limits
from pastiche.engine.fast import memory
from pastiche.engine.fast.memory import free_memory, measure_budget, total_memory
from pastiche.memory_budget import ComputedIn, ImageSizes, Memory, MemoryBudget
from pastiche.network_layers import compared_layers
from pastiche.options import LayerName, Options

FIVE: frozenset[LayerName] = frozenset(
    {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"}
)
GIB = 2**30


def budget(gibibytes: float, itemsize: int = 2) -> MemoryBudget:
    return MemoryBudget(int(gibibytes * GIB), itemsize, FIVE)


def test_a_picture_that_fits_is_painted_whole_with_the_chosen_history() -> None:
    plan = budget(8).plan((1024, 1024), Options(lbfgs_history=12))
    assert (plan.tile_side, plan.history) == (None, 12)


def test_a_picture_that_does_not_fit_is_painted_in_tiles_on_the_grid() -> None:
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


@pytest.mark.parametrize("gibibytes", [0.05, 0.3, 1, 6])
@pytest.mark.parametrize("computed_in", ["bfloat16", "float32"])
@pytest.mark.parametrize("backbone", ["vgg16", "vgg19", "whitened"])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"optimiser": "adam"},
        {"lbfgs_history": 1},
        {"precision": "float32"},
        {"content_layers": {"relu4_2": 1.0, "relu1_2": 1.0}},
        {"style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}, "content_layers": {"relu2_1": 1.0}},
        {"style_layers": {"relu1_1": 1.0, "relu5_1": 0.0}},
        {"normalisation": "paper", "style_statistic": "gram"},
    ],
)
def test_the_most_pixels_are_those_that_can_be_planned(
    gibibytes: float, computed_in: ComputedIn, backbone: str, chosen: dict[str, Any]
) -> None:
    options, free = Options(**chosen), int(gibibytes * GIB)
    most = Memory(free, None, computed_in).most_pixels(options, backbone)
    dtype = getattr(torch, computed_in if options.precision == "auto" else options.precision)
    budgeted = MemoryBudget(free, dtype.itemsize, compared_layers(options, backbone))
    budgeted.plan((1, most), options)
    with pytest.raises(MemoryError):
        budgeted.plan((1, most + 2), options)


def test_the_options_change_how_large_a_picture_may_be() -> None:
    def most(**options: Any) -> int:
        return Memory(GIB, None, "bfloat16").most_pixels(Options(**options), "whitened")

    assert most(optimiser="adam") > most() > most(precision="float32")
    assert most(content_layers={"relu4_2": 1.0, "relu1_2": 1.0}) < most()


def test_images_and_a_limit_leave_less_memory_for_the_painting() -> None:
    whole = Memory(GIB, None, "float32").most_pixels(Options(), "vgg19")
    assert Memory(GIB, GIB // 2, "float32").most_pixels(Options(), "vgg19") < whole
    assert Memory(GIB, 2 * GIB, "float32").most_pixels(Options(), "vgg19") == whole
    assert Memory(GIB, None, "float32").most_pixels(Options(), "vgg19", GIB // 2) < whole
    assert Memory(GIB, None, "float32").most_pixels(Options(), "vgg19", 2 * GIB) == 0


@pytest.mark.parametrize("more", [{}, {"colour": "statistics"}, {"colour": "luminance"}])
def test_the_images_take_as_much_as_estimated_and_more_with_each(more: dict[str, Any]) -> None:
    options, size = Options(size=256, **more), (300, 400)
    one = ImageSizes(size, [size]).total_bytes(options)
    assert one >= torch.zeros(2, 3, *size).nbytes
    assert ImageSizes(size, [size, size]).total_bytes(options) > one
    assert ImageSizes(size, [size], masked=[size]).total_bytes(options) > one
    assert ImageSizes(size, [size], start=size).total_bytes(options) > one


def test_style_images_that_are_enlarged_take_what_they_have_then() -> None:
    sizes = ImageSizes((64, 64), [(64, 64)])
    usual = Options(size=1024, style_scale=4.0)
    enlarged = replace(usual, normalisation="paper", style_statistic="gram")
    assert sizes.total_bytes(usual) < 10**6
    assert sizes.total_bytes(enlarged) > torch.zeros(3, 4096, 4096).nbytes


def test_memory_that_a_checkpoint_releases_is_budgeted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: GIB)
    here = torch.device("cpu")
    measured = measure_budget(Options(), "vgg16", here, released_bytes=GIB)
    assert measured.free_bytes == 2 * GIB
    limited = measure_budget(Options(), "vgg16", here, GIB, released_bytes=GIB)
    assert limited.free_bytes == GIB


def test_the_container_s_limit_counts_where_it_is_less_than_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_limits, "_CONTROL_GROUP", tmp_path)
    everything = free_memory(torch.device("cpu"))
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert free_memory(torch.device("cpu")) == 600_000 < everything
    assert total_memory(torch.device("cpu")) == 1_000_000
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    assert free_memory(torch.device("cpu")) == 650_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(torch.device("cpu")) > 600_000
