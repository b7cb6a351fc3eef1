"""An iteration recorded as a CUDA graph, and replayed.

For a small picture, launching the hundreds of kernels of an iteration one by one takes longer than
running them. Nothing in a recorded iteration may wait for the GPU or copy data to it.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields

import torch
from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.engine.interruption import interruptible, no_check

log = logging.getLogger(__name__)

WARM_UP = 3
"""How many iterations run before one is recorded. Libraries initialise themselves in the first."""

State = lbfgs.State | adam.State

Iterate = Callable[[State], tuple[State, Tensor]]
"""Takes an optimiser's state, returns the next state and the values of the terms."""


class GraphedIteration:
    """Runs an iteration directly at first, then records it and replays the recording."""

    def __init__(self) -> None:
        self._done = 0
        self._recording: _Recording | None = None

    def __call__(
        self, iterate: Iterate, state: State, can_be_recorded: bool
    ) -> tuple[State, Tensor]:
        """Runs one iteration. A replayed one returns its results in the memory of the recording.

        Args:
            iterate: launches the kernels of one iteration. No reference to it is stored, so that
                its owner and the memory of the graph are freed as soon as they are unused.
            can_be_recorded: whether it launches the same kernels on the same memory every time.
        """
        if self._done == WARM_UP and can_be_recorded:
            self._recording = _record(iterate, state)
        self._done += 1
        if self._recording is None:
            return iterate(state)
        return self._recording.replay(state)


class _Recording:
    """A graph, and the memory that it reads and writes."""

    def __init__(self, graph: torch.cuda.CUDAGraph, state: State, terms: Tensor) -> None:
        self._graph, self._state, self._terms = graph, state, terms

    def replay(self, state: State) -> tuple[State, Tensor]:
        if state is not self._state:  # the optimiser was reset
            _overwrite(self._state, state)
        self._graph.replay()
        return self._state, self._terms


def _record(iterate: Iterate, state: State) -> _Recording | None:
    graph, device = torch.cuda.CUDAGraph(), state.position.device
    try:
        with (
            interruptible(no_check),
            _without_garbage_collection(),
            torch.cuda.device(device),
            # By default, other threads may not allocate memory on the GPU meanwhile.
            torch.cuda.graph(graph, stream=_new_stream(device), capture_error_mode="thread_local"),
        ):
            stepped, terms = iterate(state)
            _overwrite(state, stepped)
    except RuntimeError as error:
        log.warning("An iteration could not be recorded as a CUDA graph: %s", error)
        return None
    return _Recording(graph, state, terms)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Garbage collection could free another graph, which would spoil the recording."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    """A stream on this device. By default recordings use a stream of the first GPU."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has no types for it


def _overwrite(state: State, other: State) -> None:
    for each in fields(state):
        old, new = getattr(state, each.name), getattr(other, each.name)
        if isinstance(old, Tensor) and old is not new:
            old.copy_(new)
