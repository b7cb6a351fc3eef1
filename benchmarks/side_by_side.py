"""Compares the engine with a plain implementation: the seconds to reach the same objective.

python -m benchmarks.side_by_side [SIZE …]

Both minimise the same float32 objective from a start of the same kind, by turns, in one run with
the same threads. The score of a picture is this objective after rounding to 8 bits. The result is
the time until the score is within 1.5, 1.1 and 1.02 times the best score of both. The time of the
engine includes coarse scales and targets. Scoring is not included.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, PAIRS, RESULTS, example
from benchmarks.reference import minimise, plain_problem
from pastiche import Options
from pastiche.engine import plain
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Objective
from pastiche.engine.plain import Problem
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.run import Run as EngineRun
from pastiche.network_layers import compared_layers
from pastiche.sizes import Scale, scales

SIZES = (256, 512)
WITHIN = (1.5, 1.1, 1.02)
EVALUATIONS = {256: (190, 170), 512: (150, 130)}
"""The evaluations at full size, of the engine and of the reference."""

SCORE_EVERY = 5
"""The number of evaluations between two scores."""


@dataclass
class Run:
    """The progress of one of the two: scores, with the seconds and evaluations until them."""

    seconds: list[float] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    spent: float = 0.0
    done: int = 0

    def within(self, goal: float) -> float | None:
        """When the score first reached the goal, in seconds. None if it never did."""
        for seconds, score in zip(self.seconds, self.scores, strict=True):
            if score <= goal:
                return seconds
        return None


@dataclass(frozen=True)
class Loaded:
    """A network that is already loaded, so that reading or fitting it is not measured."""

    loaded: Backbone

    @property
    def name(self) -> str:
        return self.loaded.name

    @property
    def sha256(self) -> str | None:
        return self.loaded.sha256

    def network(self, *_: object) -> Backbone:
        """The network. It does not depend on the arguments."""
        return self.loaded


@dataclass(frozen=True)
class Duel:
    """One pair at one size."""

    inputs: Inputs
    network: Loaded
    prepared: PreparedInputs
    coarse: tuple[int, ...]
    full: Scale
    problem: Problem

    @classmethod
    def of(cls, content: str, style: str, size: int) -> "Duel":
        options = Options(size=size, precision="float32", backbone=BACKBONE)
        inputs = Inputs(example("content", content), (example("style", style),))
        inputs = inputs.checked(options).copy(best_device())
        source = choose_backbone(BACKBONE)
        layers = compared_layers(options, source.name)
        network = Loaded(source.network((inputs.content, *inputs.styles), layers, options))
        prepared = PreparedInputs.prepare(inputs, options, network)
        *coarse, full = scales(*prepared.size, options)
        counts = tuple(scale.iterations for scale in coarse)
        return cls(
            inputs,
            network,
            prepared,
            counts,
            full,
            plain_problem(
                Objective.build(prepared.network, prepared.build_targets(full, options), options)
            ),
        )

    def score(self, image: Tensor) -> float:
        """The objective of the picture, rounded to 8 bits."""
        with torch.no_grad():
            rounded = (image.clamp(0, 1) * 255).round() / 255
            return plain.objective(rounded, self.problem).item()

    def reference(self) -> Iterator[Callable[[], Tensor]]:
        """Runs the plain implementation, one evaluation at a time."""
        start = self.prepared.start(self.full.size, Options(size=self.full.longest_side))
        for image in minimise(self.problem, start):
            yield lambda image=image: image  # type: ignore[misc]

    def engine(self, counts: tuple[int, ...]) -> Iterator[Callable[[], Tensor] | None]:
        """Runs the engine, one evaluation at a time. Yields None at a coarse scale."""
        size = self.full.longest_side
        options = Options(size=size, scale_iterations=counts, backbone=BACKBONE)
        run = EngineRun(self.inputs, options, backbone=self.network)
        for progress in run:
            yield run.preview if progress.scale == progress.scales else None


def advance(
    run: Run, painter: Iterator[Callable[[], Tensor] | None], score: Callable[[Tensor], float]
) -> bool:
    """Continues until the next score. Returns False if the painter has ended."""
    picture = None
    for _ in range(SCORE_EVERY):
        began = perf_counter()
        try:
            picture = next(painter)
        except StopIteration:
            return False
        run.spent += perf_counter() - began
        run.done += 1
    if picture is not None:
        run.seconds.append(run.spent)
        run.evaluations.append(run.done)
        run.scores.append(score(picture().to(best_device())))
    return True


def race(content: str, style: str, size: int) -> dict[str, Run]:
    """Runs both by turns, each to its last evaluation."""
    duel = Duel.of(content, style, size)
    for_engine, for_reference = EVALUATIONS[size]
    engine, reference = duel.engine((*duel.coarse, for_engine)), duel.reference()
    runs = {"engine": Run(), "reference": Run()}
    is_engine_running = True
    while is_engine_running or runs["reference"].done < for_reference:
        is_engine_running = is_engine_running and advance(runs["engine"], engine, duel.score)
        if runs["reference"].done < for_reference:
            advance(runs["reference"], reference, duel.score)
    return runs


def summarise(runs: dict[str, Run]) -> dict[str, object]:
    """When each came within a factor of the best score, and how long an evaluation took."""
    best = min(score for run in runs.values() for score in run.scores)
    return {
        "best": best,
        "seconds": {
            name: {str(factor): run.within(factor * best) for factor in WITHIN}
            for name, run in runs.items()
        },
        "seconds_an_evaluation": {name: run.spent / run.done for name, run in runs.items()},
        "last_score": {name: run.scores[-1] for name, run in runs.items()},
    }


def main(arguments: Sequence[str]) -> None:
    """Prints the result of each pair, and writes all results to the file."""
    retain_freed_memory()
    found = []
    for size in [int(each) for each in arguments] or SIZES:
        for content, style in PAIRS:
            runs = race(content, style, size)
            result = {"content": content, "style": style, "size": size, **summarise(runs)}
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()
            found.append({**result, "runs": {name: asdict(run) for name, run in runs.items()}})
            RESULTS.mkdir(exist_ok=True)
            written = {"machine": machine(), "pairs": found}
            (RESULTS / "side_by_side.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
