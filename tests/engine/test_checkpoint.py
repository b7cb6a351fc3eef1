"""A run that is resumed from a checkpoint has the same result as one that was not interrupted."""

from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor

from pastiche import Options
from pastiche.engine import checkpoint as module
from pastiche.engine import lbfgs
from pastiche.engine.checkpoint import Checkpoint, Place, UnusableCheckpoint
from pastiche.engine.fast.memory import RunMemory
from pastiche.engine.inputs import Inputs
from pastiche.engine.losses import Term
from pastiche.engine.progress import Diverged, Progress, ProgressTracker
from pastiche.engine.run import Run
from pastiche.engine.whitened import Whitened
from pastiche.options import OptionError
from pastiche.sizes import scales
from tests.engine.pictures import CONTENT, OTHER_STYLE, STYLE, left_half

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("thin_backbone")]

PAIR = Inputs(CONTENT, (STYLE,))
TWO_SCALES = Options(size=96, scale_iterations=(14, 12))

REFERENCE_TO_1 = b"\x80\x02K\x01Q."
"""A pickle that refers to the memory of a tensor by the number 1."""


def finish(
    inputs: Inputs,
    options: Options,
    *,
    resume: Checkpoint | None = None,
    take_at: int | None = None,
    style_weights: dict[int, float] | None = None,
) -> tuple[Tensor, Checkpoint | None, Progress]:
    """The pastiche, the checkpoint of one iteration, and the last progress.

    Args:
        style_weights: updates after some iterations.
    """
    run = Run(inputs, options, resume=resume)
    taken = None
    for progress in run:
        weight = (style_weights or {}).get(progress.iteration)
        if weight is not None:
            run.update_weights(style_weight=weight)
        if progress.iteration == take_at:
            taken = run.checkpoint()
    return run.picture(), taken, progress


@pytest.mark.parametrize("at", [1, 7, 13, 14, 15, 25])
def test_it_resumes_from_any_iteration_to_the_same_bytes(at: int, tmp_path: Path) -> None:
    undisturbed, checkpoint, last = finish(PAIR, TWO_SCALES, take_at=at)
    assert checkpoint is not None
    checkpoint.save(tmp_path / "checkpoint")
    loaded = Checkpoint.load(tmp_path / "checkpoint")
    resumed, _, resumed_last = finish(PAIR, TWO_SCALES, resume=loaded)
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
def test_it_resumes_with_other_options(options: dict[str, Any]) -> None:
    chosen = replace(TWO_SCALES, **options)
    undisturbed, checkpoint, _ = finish(PAIR, chosen, take_at=9)
    resumed, _, _ = finish(PAIR, chosen, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_it_resumes_with_regions() -> None:
    inputs = Inputs(
        CONTENT,
        (STYLE, OTHER_STYLE),
        (left_half(CONTENT), 1 - left_half(CONTENT)),
        content_map=None,
    )
    undisturbed, checkpoint, _ = finish(inputs, TWO_SCALES, take_at=9)
    resumed, _, _ = finish(inputs, TWO_SCALES, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_a_run_with_less_memory_shortens_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    _, checkpoint, _ = finish(PAIR, TWO_SCALES, take_at=13)
    assert checkpoint is not None
    assert isinstance(checkpoint.state, lbfgs.State)
    assert checkpoint.state.history > 4
    monkeypatch.setattr(RunMemory, "plan", lambda *_: 4)
    run = Run(PAIR, TWO_SCALES, resume=checkpoint)
    next(run)
    resumed = run.checkpoint().state
    assert isinstance(resumed, lbfgs.State)
    assert resumed.history == 4


def test_it_has_the_updated_weights() -> None:
    undisturbed, checkpoint, _ = finish(PAIR, TWO_SCALES, take_at=9, style_weights={5: 4.0})
    resumed, _, _ = finish(PAIR, TWO_SCALES, resume=checkpoint)
    assert torch.equal(resumed, undisturbed)


def test_a_checkpoint_can_be_resumed_from_twice() -> None:
    _, checkpoint, _ = finish(PAIR, TWO_SCALES, take_at=9)
    once, again = (finish(PAIR, TWO_SCALES, resume=checkpoint)[0] for _ in range(2))
    assert torch.equal(once, again)


def test_a_checkpoint_of_other_options_is_refused_with_the_name_of_an_option() -> None:
    _, checkpoint, _ = finish(PAIR, TWO_SCALES, take_at=9)
    with pytest.raises(OptionError, match=r"resume: .*pooling"):
        finish(PAIR, replace(TWO_SCALES, pooling="max"), resume=checkpoint)


def test_a_checkpoint_of_other_images_is_refused() -> None:
    _, checkpoint, _ = finish(PAIR, TWO_SCALES, take_at=9)
    for other in (OTHER_STYLE, STYLE.flip(3)):
        with pytest.raises(OptionError, match=r"resume: .*others"):
            finish(Inputs(CONTENT, (other,)), TWO_SCALES, resume=checkpoint)


@pytest.mark.parametrize(
    "other", [Whitened("vgg16"), Whitened(sha256="1" * 64)], ids=["name", "sha256"]
)
def test_a_checkpoint_of_another_network_is_refused(other: Whitened, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "saved")
    loaded = Checkpoint.load(tmp_path / "saved")
    with pytest.raises(OptionError, match=r"resume: .*another"):
        Run(PAIR, TWO_SCALES, backbone=other, resume=loaded)
    Run(PAIR, TWO_SCALES, backbone=Whitened(), resume=loaded)


def test_a_saved_checkpoint_is_the_one_in_memory(tmp_path: Path) -> None:
    run = Run(PAIR, TWO_SCALES)
    for _ in range(5):
        run.step()
    run.save_checkpoint(tmp_path / "saved")
    saved, taken = Checkpoint.load(tmp_path / "saved"), run.checkpoint()
    assert (saved.place, saved.options, saved.images) == (taken.place, taken.options, taken.images)
    for each in fields(taken.state):
        assert torch.equal(getattr(saved.state, each.name), getattr(taken.state, each.name))


def test_a_lost_iteration_right_after_resuming_is_not_a_divergence() -> None:
    plan = scales(96, 128, TWO_SCALES)
    lost, terms = torch.tensor([torch.nan]), (Term("tv"),)
    ProgressTracker(plan, 0.0, Place(done=5, iteration=5)).count(terms, lost)
    with pytest.raises(Diverged):
        ProgressTracker(plan, 0.0, Place()).count(terms, lost)


def save_checkpoint(file: Path) -> None:
    """Saves the checkpoint of the first iteration."""
    run = Run(PAIR, TWO_SCALES)
    run.step()
    run.save_checkpoint(file)


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_truncated_file_is_not_a_checkpoint(length: int, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "saved")
    (tmp_path / "saved").write_bytes((tmp_path / "saved").read_bytes()[:length])
    with pytest.raises(UnusableCheckpoint, match="Not a whole checkpoint"):
        Checkpoint.load(tmp_path / "saved")


def test_a_file_that_torch_does_not_expect_is_not_a_checkpoint(tmp_path: Path) -> None:
    """torch asserts that the reference to a tensor's memory is a tuple."""
    save_checkpoint(tmp_path / "saved")
    with ZipFile(tmp_path / "saved") as saved, ZipFile(tmp_path / "damaged", "w") as damaged:
        for name in saved.namelist():
            content = saved.read(name)
            damaged.writestr(name, REFERENCE_TO_1 if name.endswith("/data.pkl") else content)
    with pytest.raises(UnusableCheckpoint, match="Not a whole checkpoint"):
        Checkpoint.load(tmp_path / "damaged")


class FullMemory(BytesIO):
    """A file that raises an error for a lack of memory when it is read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory: 9 bytes")],
)
def test_running_out_of_memory_is_not_reported_as_damage(error: Exception) -> None:
    with pytest.raises(type(error), match="memory"):
        Checkpoint.load(FullMemory(error))


def test_a_checkpoint_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "saved")
    before = module.VERSION
    monkeypatch.setattr(module, "VERSION", before + 1)
    with pytest.raises(UnusableCheckpoint, match=f"version {before}, not {before + 1}"):
        Checkpoint.load(tmp_path / "saved")


def test_a_checkpoint_with_an_invalid_option_is_damaged(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "saved")
    content = torch.load(tmp_path / "saved", weights_only=True)
    content["options"]["size"] = -1
    torch.save(content, tmp_path / "saved")
    with pytest.raises(UnusableCheckpoint, match="Not a whole checkpoint"):
        Checkpoint.load(tmp_path / "saved")
