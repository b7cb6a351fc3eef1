"""A picture that is painted iteration by iteration, coarse to fine: Gatys et al., "Controlling
Perceptual Factors in Neural Style Transfer" (CVPR 2017)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache as remember
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.engine.backbone import BackboneSource
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.checkpoint import Checkpoint, Place, State
from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.cuda import choose_device, exact_arithmetic
from pastiche.engine.fast.cuda_graph import GraphedIteration
from pastiche.engine.fast.memory import RunMemory, measure_budget, release_freed_memory
from pastiche.engine.images import resize
from pastiche.engine.inputs import Inputs
from pastiche.engine.interruption import interruptible, no_check
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs, PreparedInputsCache
from pastiche.engine.progress import Progress, ProgressTracker
from pastiche.options import Options, update_options
from pastiche.sizes import scales


class Run:
    """A picture that is painted iteration by iteration: `for progress in Run(inputs, options)`.

    Between two iterations you can take a preview, a checkpoint or the current picture, or set other
    weights. To end it early, stop iterating.

    It also works in a context without gradients, such as `torch.inference_mode`.

    Args:
        options: the defaults if it is None.
        backbone, device: as for `stylize`.
        resume: a checkpoint to continue from.
        memory_bytes: how much memory the run may take. None for the device's free memory. A picture
            that does not fit is painted in tiles, with a shorter history of L-BFGS if necessary.
        check: called often while inputs are prepared and pictures evaluated. An exception that it
            raises ends the run.
        cache: prepared inputs of earlier runs.

    Raises:
        OptionError, MissingWeights: as for `stylize`. Also OptionError if the checkpoint belongs to
            another run.
        MemoryError: there is not enough memory, even in the smallest tiles.
    """

    @exact_arithmetic()
    @torch.inference_mode(mode=False)
    def __init__(
        self,
        inputs: Inputs,
        options: Options | None = None,
        *,
        backbone: BackboneSource | str | None = None,
        device: torch.device | str | None = None,
        resume: Checkpoint | None = None,
        memory_bytes: int | None = None,
        check: Callable[[], None] = no_check,
        cache: PreparedInputsCache | None = None,
    ) -> None:
        options = options or Options()
        if isinstance(backbone, str):
            options, backbone = update_options(options, {"backbone": backbone}), None
        inputs = inputs.checked(options)
        source = backbone or choose_backbone(options.backbone)
        options.check_layers(source.name)
        if resume is not None:
            resume.check(inputs, options, source)
        self._backbone, self._check = (source.name, source.sha256), check
        inputs = inputs.copy(choose_device(device))  # the caller may reuse the memory of its images
        self._digest = remember(inputs.digest)
        with interruptible(check):
            prepare = PreparedInputs.prepare if cache is None else cache.prepare
            self._prepared = prepare(inputs, options, source)
        release_freed_memory()  # otherwise memory that the fit freed would count as used
        released = 0 if resume is None else resume.bytes_on(self._device)
        budget = measure_budget(options, source.name, self._device, memory_bytes, released)
        self._memory = RunMemory(budget)
        self._plan = scales(*self._prepared.size, options)
        budget.plan(self._plan[-1].size, options)  # fails now if the last scale will not fit
        self._options = options if resume is None else resume.options
        place = Place() if resume is None else resume.place
        self._tracker = ProgressTracker(self._plan, options.stall_tolerance, place)
        history = self._plan_scale()
        self._state: State
        if resume is not None:
            state = resume.state.copy(self._device)
            self._state = state.shorten(history) if isinstance(state, lbfgs.State) else state
            return
        position = self._prepared.start(self._tracker.scale.size, options).flatten()
        if options.optimiser == "adam":
            self._state = adam.begin(position, options.adam_step)
        else:
            self._state = lbfgs.begin(position, history, self._prepared.axes)

    @property
    def is_done(self) -> bool:
        """Whether the run is finished."""
        return self._tracker.is_done

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        if self.is_done:
            raise StopIteration
        return self.step()

    @exact_arithmetic()
    @torch.inference_mode(mode=False)
    def step(self) -> Progress:
        """Does one iteration.

        Raises:
            MemoryError: there is not enough memory, even in the smallest tiles.
            Diverged: the objective is no longer a finite number.
            RuntimeError: the run is finished.
        """
        if self.is_done:
            raise RuntimeError("This run is finished: no iterations are left.")
        if self._tracker.is_scale_done:
            self._next_scale()
        with interruptible(self._check):
            objective = self._memory.fit(self._update_objective)
            self._state, values = self._iterate(
                self._iterate_once, self._state, self._can_be_recorded()
            )
        self._tracker.count(objective.terms, values)
        return self._tracker.progress()

    @torch.inference_mode(mode=False)
    def update_weights(
        self,
        *,
        content_weight: float | None = None,
        style_weight: float | None = None,
        tv_weight: float | None = None,
    ) -> None:
        """Continues with these weights. None leaves a weight as it is.

        If a weight changes, the optimiser's history is reset, because it belongs to the old
        objective.

        Raises:
            OptionError: a weight is out of its range, or none is above 0.
        """
        weights: dict[str, Any] = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "tv_weight": tv_weight,
        }
        changed = {name: value for name, value in weights.items() if value is not None}
        options = replace(self._options, **changed)
        if options == self._options:
            return
        self._options = options
        self._state = self._state.reset()
        self._tracker.reset_losses()

    def preview(self) -> Tensor:
        """The current picture, (1, 3, h, w) in 0 to 1 on the CPU, at the size of its scale."""
        return self._prepared.finish(self._image, self._options)

    def picture(self) -> Tensor:
        """The current picture, (1, 3, H, W) in 0 to 1 on the CPU, at full size."""
        return self._prepared.finish(resize(self._image, self._plan[-1].size), self._options)

    def checkpoint(self) -> Checkpoint:
        """A checkpoint that another run can continue from."""
        return self._checkpoint(self._state.copy())

    def save_checkpoint(self, file: Path | IO[bytes]) -> None:
        """Writes a checkpoint to a file, without copying it in memory."""
        self._checkpoint(self._state).save(file)

    @property
    def _device(self) -> torch.device:
        return self._prepared.original.device

    @property
    def _image(self) -> Tensor:
        """(1, 3, h, w), at the current scale."""
        return self._state.accepted.view(1, 3, *self._tracker.scale.size)

    def _checkpoint(self, state: State) -> Checkpoint:
        return Checkpoint(
            self._tracker.place, state, self._options, self._digest(), *self._backbone
        )

    def _plan_scale(self) -> int:
        """Plans the memory of the current scale, and returns the length of L-BFGS' history."""
        release_freed_memory()  # the next scale's memory does not fit the gaps of the last one's
        self._objective: Objective | None = None
        self._weighted_by = self._options
        self._iterate = GraphedIteration()
        return self._memory.plan(self._tracker.scale, self._options)

    def _next_scale(self) -> None:
        """Begins the next scale. If that fails, the run is at the end of this one."""
        place, image = self._tracker.place, self._image
        previous = self._state if isinstance(self._state, adam.State) else None
        try:
            del self._state, self._objective, self._iterate  # frees memory for the next ones
            self._tracker.next_scale()
            self._state = self._begin_scale(image, previous)
        except BaseException:  # also a KeyboardInterrupt: the picture can still be saved
            self._tracker.place = place
            history = self._plan_scale()
            self._state = previous or lbfgs.begin(image.flatten(), history, self._prepared.axes)
            raise

    def _begin_scale(self, image: Tensor, previous: adam.State | None) -> State:
        """The state at the beginning of a scale, from the picture of the scale before."""
        history, size = self._plan_scale(), self._tracker.scale.size
        number = self._tracker.place.scale
        position = self._prepared.enlarge(image, size, self._options, number).flatten()
        if previous is None:
            # L-BFGS carries nothing over: its pairs belong to a picture of another size.
            return lbfgs.begin(position, history, self._prepared.axes)
        shape = image.shape
        return previous.resize(
            position, lambda values: resize(values.view(shape), size, "bilinear").flatten()
        )

    def _iterate_once(self, state: State) -> tuple[State, Tensor]:
        """The next state of the optimiser, and the values of the terms."""
        objective, image = self._objective, state.position.view(1, 3, *self._tracker.scale.size)
        assert objective is not None
        evaluation = self._memory.fit(lambda: evaluate(objective, image, self._memory.tile_side))
        return state.step(evaluation.value, evaluation.gradient.flatten()), evaluation.terms

    def _can_be_recorded(self) -> bool:
        return self._device.type == "cuda" and self._memory.tile_side is None

    def _update_objective(self) -> Objective:
        """The objective of the current scale, with the current weights."""
        scale, options, tile_side = self._tracker.scale, self._options, self._memory.tile_side
        if self._objective is None:
            targets = self._prepared.build_targets(scale, options, tile_side)
            self._objective = Objective.build(self._prepared.network, targets, options)
        elif options is not self._weighted_by:
            targets, previous = self._objective.targets, self._weighted_by
            self._prepared.update_targets(targets, scale, options, previous, tile_side)
            self._objective.update_weights(options)
        self._weighted_by = options
        return self._objective
