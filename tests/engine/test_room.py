"""How a picture is fitted into memory."""

from pathlib import Path

import pytest
import torch

from pastiche.engine import room
from pastiche.engine.backbone import VGG_SHARES
from pastiche.engine.room import Room, free_memory, room_for
from pastiche.options import LayerName, Options

FIVE: frozenset[LayerName] = frozenset(
    {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"}
)
GIB = 2**30
LAYERS: list[dict[LayerName, float]] = [{"relu4_2": 1.0}, {"relu4_2": 1.0, "relu1_2": 1.0}]


def of(gibibytes: float, itemsize: int = 2) -> Room:
    return Room(int(gibibytes * GIB), itemsize, FIVE)


def test_what_fits_is_painted_whole_and_remembers_what_it_was_asked_to() -> None:
    fit = of(8).fit((1024, 1024), Options(lbfgs_history=12))
    assert (fit.tile_side, fit.history) == (None, 12)


def test_what_does_not_fit_is_painted_in_tiles_on_the_grid() -> None:
    fit = of(6).fit((2160, 3840), Options())
    assert fit.tile_side is not None
    assert fit.tile_side % 16 == 0
    assert fit.history == 10


def test_less_memory_means_smaller_tiles_and_then_a_shorter_history() -> None:
    fits = [of(gibibytes).fit((2160, 3840), Options()) for gibibytes in (16, 8, 6, 4)]
    sides = [fit.tile_side or 4096 for fit in fits]
    assert sides == sorted(sides, reverse=True)
    assert [fit.history for fit in fits[:3]] == [10, 10, 10]
    assert fits[3].history < 10


def test_float32_takes_more_room_than_bfloat16() -> None:
    narrow, wide = (of(6, itemsize).fit((2160, 3840), Options()) for itemsize in (2, 4))
    assert (wide.tile_side or 0) < (narrow.tile_side or 0)


def test_what_cannot_be_done_at_all_is_refused() -> None:
    with pytest.raises(MemoryError, match="3840×2160"):
        of(1).fit((2160, 3840), Options())


def test_a_picture_of_the_most_pixels_fits_and_a_larger_one_does_not() -> None:
    options = Options()
    side = int(of(1).most_pixels(options) ** 0.5)
    of(1).fit((side, side), options)
    with pytest.raises(MemoryError):
        of(1).fit((side + 16, side + 16), options)


def test_more_content_layers_take_more_room() -> None:
    usual, two = (of(6).most_pixels(Options(content_layers=layers)) for layers in LAYERS)
    assert two < usual


def test_what_a_checkpoint_holds_is_room_once_it_is_taken_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda device: GIB)
    here = torch.device("cpu")
    assert room_for(Options(), VGG_SHARES, here, passing=GIB).free == 2 * GIB
    assert room_for(Options(), VGG_SHARES, here, memory=GIB, passing=GIB).free == GIB


def test_the_container_s_limit_counts_where_it_is_less_than_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_CONTROL_GROUP", tmp_path)
    everything = free_memory(torch.device("cpu"))
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert free_memory(torch.device("cpu")) == 600_000 < everything
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    assert free_memory(torch.device("cpu")) == 650_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(torch.device("cpu")) > 600_000
