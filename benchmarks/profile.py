"""Profiles an iteration: python -m benchmarks.profile [SIZE …]

By turns, it measures an evaluation of the objective, a whole iteration, and only the convolutions,
forward and backward, and prints their ratios. Then it prints torch's profile of an iteration.
"""

import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.pairs import BACKBONE, PAIRS, example
from pastiche import Options
from pastiche.engine import lbfgs
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.evaluation import evaluate
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Evaluation, Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.network_layers import POOLED_BEFORE
from pastiche.sizes import scales

SIZES = (256, 512)
ROUNDS = 15


def bare(network: Backbone, height: int, width: int) -> Callable[[], None]:
    """Returns a function that runs only the network's convolutions, forward and backward to their
    inputs."""
    work: list[tuple[Tensor, Tensor, Tensor]] = []
    for layer, convolution in network.convolutions.items():
        if layer in POOLED_BEFORE:
            height, width = height // 2, width // 2
        outgoing, incoming = convolution.weight.shape[:2]
        features, pull = (
            torch.randn(1, channels, height, width)
            .to(convolution.weight)
            .contiguous(memory_format=torch.channels_last)
            for channels in (incoming, outgoing)
        )
        work.append((features, convolution.weight, pull))

    def once() -> None:
        for features, weight, _ in work:
            torch.nn.functional.conv2d(features, weight, padding=1)
        for features, weight, pull in work:
            torch.nn.grad.conv2d_input(features.shape, weight, pull, padding=1)  # type: ignore[no-untyped-call]

    return once


class Bench:
    """One pair at one size, in the middle of its painting."""

    def __init__(self, size: int) -> None:
        options = Options(size=size, backbone=BACKBONE)
        (content, style), *_ = PAIRS
        inputs = Inputs(example("content", content), (example("style", style),))
        prepared = PreparedInputs.prepare(
            inputs.checked(options).copy(best_device()), options, choose_backbone(BACKBONE)
        )
        scale = scales(*prepared.size, options)[-1]
        self.network, self.size = prepared.network, scale.size
        targets = prepared.build_targets(scale, options)
        self._objective = Objective.build(prepared.network, targets, options)
        start = prepared.start(scale.size, options).flatten()
        self._state = lbfgs.begin(start, axes=prepared.axes)

    def evaluation(self) -> Evaluation:
        """The objective at the current position."""
        return evaluate(self._objective, self._state.position.view(1, 3, *self.size))

    def iteration(self) -> None:
        """Runs one iteration."""
        found = self.evaluation()
        self._state = self._state.step(found.value, found.gradient.flatten())


def measure_seconds(each: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Measures the seconds of each function, by turns."""
    seconds: dict[str, list[float]] = {name: [] for name in each}
    for _ in range(ROUNDS):
        for name, once in each.items():
            began = perf_counter()
            once()
            _wait()
            seconds[name].append(perf_counter() - began)
    return seconds


def _activities() -> list[ProfilerActivity]:
    """The CPU, and CUDA if it is available."""
    cuda = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    return [ProfilerActivity.CPU, *cuda]


def _wait() -> None:
    """Waits until the GPU has finished, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main(arguments: Sequence[str]) -> None:
    """Prints the ratios, and the profiler's table, for each size."""
    retain_freed_memory()
    for size in [int(each) for each in arguments] or SIZES:
        bench = Bench(size)
        seconds = measure_seconds(
            {
                "convolutions": bare(bench.network, *bench.size),
                "evaluation": bench.evaluation,
                "iteration": bench.iteration,
            }
        )
        sys.stdout.write(f"{size} px\n")
        for name, durations in seconds.items():
            pairs = zip(durations, seconds["convolutions"], strict=True)
            ratio = median(one / other for one, other in pairs)
            sys.stdout.write(f"  {name:13} {1000 * median(durations):8.1f} ms  {ratio:5.2f}\n")
        with profile(activities=_activities()) as found:
            for _ in range(3):
                bench.iteration()
            _wait()
        where = "cuda" if torch.cuda.is_available() else "cpu"
        by = f"self_{where}_time_total"
        sys.stdout.write(found.key_averages().table(sort_by=by, row_limit=22))


if __name__ == "__main__":
    main(sys.argv[1:])
