"""One iteration of some paintings: evaluated together, then a step of each one's own."""

import logging
from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from pastiche.engine import optimiser
from pastiche.engine.evaluator import Evaluator
from pastiche.engine.painting import Painting

log = logging.getLogger(__name__)

WARM_UP = 3
"""Iterations before one is recorded: libraries set themselves up in the first."""


class Iteration:
    """Iterates paintings at one scale.

    On CUDA an iteration is recorded once, as a graph, and then replayed: launching its hundreds of
    kernels one by one takes longer than small pictures take to paint.
    """

    def __init__(self, objective: Evaluator, paintings: Sequence[Painting]) -> None:
        self._objective, self._paintings = objective, paintings
        self._done = 0
        self._replayed: _Recording | None = None

    def forget(self) -> None:
        """What was recorded holds no more: the objective changed."""
        self._done, self._replayed = 0, None

    def __call__(self) -> None:
        """One iteration of each painting."""
        if self._done == WARM_UP and self._objective.can_be_recorded:
            self._record()
        if self._replayed is None:
            states, terms = self._computed([painting.state for painting in self._paintings])
        else:
            states, terms = self._replayed.replay()
        self._done += 1
        for painting, state, values in zip(self._paintings, states, terms, strict=True):
            painting.advance(state, self._objective.terms, values)

    def _computed(
        self, states: Sequence[optimiser.State]
    ) -> tuple[list[optimiser.State], list[Tensor]]:
        evaluations = self._objective([state.position for state in states])
        stepped = [
            state.step(evaluation.value, evaluation.gradient.flatten())
            for state, evaluation in zip(states, evaluations, strict=True)
        ]
        return stepped, [evaluation.terms for evaluation in evaluations]

    def _record(self) -> None:
        states = [painting.state for painting in self._paintings]
        graph, card = torch.cuda.CUDAGraph(), states[0].position.device
        try:
            with torch.cuda.device(card), torch.cuda.graph(graph, stream=_stream_of(card)):
                stepped, terms = self._computed(states)
                for state, fresh in zip(states, stepped, strict=True):
                    _overwrite(state, fresh)
        except RuntimeError as error:
            log.warning("An iteration could not be recorded, and is launched as it is: %s", error)
            return
        self._replayed = _Recording(graph, states, terms)


class _Recording:
    """An iteration that is replayed on the memory it was recorded with."""

    def __init__(
        self, graph: torch.cuda.CUDAGraph, states: list[optimiser.State], terms: list[Tensor]
    ) -> None:
        self._graph, self._states, self._terms = graph, states, terms

    def replay(self) -> tuple[list[optimiser.State], list[Tensor]]:
        """The states after one more iteration, and its terms, in the memory they always have."""
        self._graph.replay()
        return self._states, self._terms


def _stream_of(card: torch.device) -> torch.cuda.Stream:
    """A stream of its own: the one that recordings take by default is of the first card."""
    return torch.cuda.Stream(card)  # type: ignore[no-untyped-call]  # torch has no types for it


def _overwrite(state: optimiser.State, fresh: optimiser.State) -> None:
    for each in fields(state):
        old, new = getattr(state, each.name), getattr(fresh, each.name)
        if isinstance(old, Tensor) and old is not new:
            old.copy_(new)
