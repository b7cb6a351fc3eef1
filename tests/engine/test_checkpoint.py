"""A painting that was taken out and put back ends as if nothing had happened."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine import checkpoint as module
from pastiche.engine.checkpoint import Checkpoint, Place, UnusableCheckpoint
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Term
from pastiche.engine.progress import Diverged, Progress, Tally
from pastiche.engine.stylize import Command, Reweigh, paint
from pastiche.options import OptionError
from pastiche.pyramid import scales
from tests.engine.pictures import CONTENT, OTHER_STYLE, STYLE, left_half

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("thin_backbone")]

PAIR = Inputs(CONTENT, (STYLE,))
TWO_SCALES = Options(size=96, scale_iterations=(14, 12))


def to_its_end(
    inputs: Inputs,
    options: Options,
    *,
    resume: Checkpoint | None = None,
    take_at: int | None = None,
    send: dict[int, Command] | None = None,
) -> tuple[Tensor, Checkpoint | None, Progress]:
    """The pastiche, the checkpoint of one iteration, and the last progress."""
    painting = paint(inputs, options, resume=resume)
    command, taken = None, None
    while True:
        try:
            progress = painting.send(command)
        except StopIteration as end:
            return end.value, taken, progress
        command = (send or {}).get(progress.iteration)
        if progress.iteration == take_at:
            taken = progress.checkpoint()


@pytest.mark.parametrize("at", [1, 7, 13, 14, 15, 25])
def test_it_goes_on_from_any_iteration_to_the_same_bytes(at: int, tmp_path: Path) -> None:
    undisturbed, checkpoint, last = to_its_end(PAIR, TWO_SCALES, take_at=at)
    assert checkpoint is not None
    checkpoint.save(tmp_path / "checkpoint")
    loaded = Checkpoint.load(tmp_path / "checkpoint")
    resumed, _, resumed_last = to_its_end(PAIR, TWO_SCALES, resume=loaded)
    assert torch.equal(resumed, undisturbed)
    assert (resumed_last.iteration, resumed_last.losses) == (last.iteration, last.losses)


@pytest.mark.parametrize(
    "options",
    [
        {"optimiser": "adam"},
        {"start": "noise", "seed": 3},
        {"colour": "luminance"},
        {"stall_tolerance": 0.5, "scale_iterations": (40, 30)},
    ],
    ids=str,
)
def test_it_does_so_with_every_kind_of_painting(options: dict[str, Any]) -> None:
    chosen = replace(TWO_SCALES, **options)
    undisturbed, checkpoint, _ = to_its_end(PAIR, chosen, take_at=9)
    resumed, _, _ = to_its_end(PAIR, chosen, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_it_does_so_with_regions() -> None:
    inputs = Inputs(
        CONTENT,
        (STYLE, OTHER_STYLE),
        (left_half(CONTENT), 1 - left_half(CONTENT)),
        content_map=None,
    )
    undisturbed, checkpoint, _ = to_its_end(inputs, TWO_SCALES, take_at=9)
    resumed, _, _ = to_its_end(inputs, TWO_SCALES, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_it_keeps_the_weights_that_were_sent_on_the_way() -> None:
    louder: dict[int, Command] = {5: Reweigh(style_weight=4.0)}
    undisturbed, checkpoint, _ = to_its_end(PAIR, TWO_SCALES, take_at=9, send=louder)
    resumed, _, _ = to_its_end(PAIR, TWO_SCALES, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_a_checkpoint_serves_more_than_once() -> None:
    _, checkpoint, _ = to_its_end(PAIR, TWO_SCALES, take_at=9)
    once, again = (to_its_end(PAIR, TWO_SCALES, resume=checkpoint)[0] for _ in range(2))
    assert torch.equal(once, again)


def test_a_checkpoint_of_other_options_is_refused_by_the_name_of_one() -> None:
    _, checkpoint, _ = to_its_end(PAIR, TWO_SCALES, take_at=9)
    with pytest.raises(OptionError, match=r"resume: .*pooling"):
        to_its_end(PAIR, replace(TWO_SCALES, pooling="max"), resume=checkpoint)


def test_a_checkpoint_of_other_images_is_refused() -> None:
    _, checkpoint, _ = to_its_end(PAIR, TWO_SCALES, take_at=9)
    for other in (OTHER_STYLE, STYLE.flip(3)):
        with pytest.raises(OptionError, match=r"resume: .*others"):
            to_its_end(Inputs(CONTENT, (other,)), TWO_SCALES, resume=checkpoint)


def test_what_is_saved_on_the_way_is_the_checkpoint(tmp_path: Path) -> None:
    painting = paint(PAIR, TWO_SCALES)
    progress = next(progress for progress in painting if progress.iteration == 5)
    progress.save(tmp_path / "saved")
    saved, taken = Checkpoint.load(tmp_path / "saved"), progress.checkpoint()
    assert (saved.place, saved.options, saved.images) == (taken.place, taken.options, taken.images)
    for each in fields(taken.state):
        assert torch.equal(getattr(saved.state, each.name), getattr(taken.state, each.name))


def test_a_loss_that_is_lost_right_after_taking_up_is_no_divergence() -> None:
    plan = scales(96, 128, TWO_SCALES)
    lost, terms = torch.tensor([torch.nan]), (Term("tv"),)
    Tally(plan, 0.0, Place(done=5, iteration=5)).count(terms, lost)
    with pytest.raises(Diverged):
        Tally(plan, 0.0, Place()).count(terms, lost)


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_what_was_cut_off_is_no_checkpoint(length: int, tmp_path: Path) -> None:
    next(paint(PAIR, TWO_SCALES)).save(tmp_path / "saved")
    (tmp_path / "saved").write_bytes((tmp_path / "saved").read_bytes()[:length])
    with pytest.raises(UnusableCheckpoint, match="No whole checkpoint"):
        Checkpoint.load(tmp_path / "saved")


def test_a_checkpoint_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next(paint(PAIR, TWO_SCALES)).save(tmp_path / "saved")
    before = module.VERSION
    monkeypatch.setattr(module, "VERSION", before + 1)
    with pytest.raises(UnusableCheckpoint, match=f"version {before}, not {before + 1}"):
        Checkpoint.load(tmp_path / "saved")
