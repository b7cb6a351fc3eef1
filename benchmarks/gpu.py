"""Measures the engine on a GPU: python -m benchmarks.gpu [--file FILE.json] [PART …]

It needs only torch, Pillow, numpy and safetensors, and the weights of vgg16 in
`PASTICHE_WEIGHTS_FOLDER`. It measures the GPU's peak rates (bfloat16 matrix products, copies), the
time of an iteration and how close it comes to these rates, the plain implementation, and very large
pictures in little memory. It runs all parts, or only the named ones: the results of the others in
the file are not changed.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, PAIRS, RESULTS, example
from benchmarks.reference import minimise, plain_problem
from benchmarks.side_by_side import race, summarise
from pastiche import Options, preset
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.inputs import Inputs
from pastiche.engine.objective import Objective
from pastiche.engine.prepared import PreparedInputs
from pastiche.engine.run import Run
from pastiche.network_layers import CHANNELS, CONTENT_LAYER, stride_at
from pastiche.options import VGG16_LAYERS
from pastiche.sizes import scales

SIZES = (256, 512, 1024, 2048)
STEPS = 60


def operations(height: int, width: int) -> float:
    """The operations of the convolutions down to the deepest layer, forward and backward to their
    inputs."""
    layers = VGG16_LAYERS[: VGG16_LAYERS.index(CONTENT_LAYER) + 1]
    each = (2 * 9 * prod(CHANNELS[layer]) / stride_at(layer) ** 2 for layer in layers)
    return 2 * height * width * sum(each)


def seconds(once: Callable[[], object], rounds: int = 10) -> float:
    """The median seconds of a call, including the GPU's work."""
    durations = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        began = perf_counter()
        once()
        torch.cuda.synchronize()
        durations.append(perf_counter() - began)
    return median(durations)


def measure_rates() -> dict[str, float]:
    """Operations and bytes a second."""
    side = 8192
    one, other = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    block = torch.empty(2**30, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(block)
    seconds(lambda: one @ other)
    return {
        "matrix_operations_a_second": 2 * side**3 / seconds(lambda: one @ other),
        "copied_bytes_a_second": 2 * block.numel() / seconds(lambda: target.copy_(block)),
    }


def read_pair(pair: tuple[str, str], options: Options) -> Inputs:
    """The images of a pair, on the GPU."""
    content, style = (
        example(kind, name) for kind, name in zip(("content", "style"), pair, strict=True)
    )
    return Inputs(content, (style,)).checked(options).copy(torch.device("cuda"))


def measure_iterations(size: int, matrix_rate: float) -> dict[str, Any]:
    """Measures an iteration at one size: the time of GPU and CPU, the share of the peak rate, and
    the memory."""
    options = Options(size=size, scale_iterations=(STEPS,), backbone=BACKBONE)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run = Run(read_pair(PAIRS[0], options), options)
    for _ in range(10):
        run.step()
    torch.cuda.synchronize()
    began, cpu_seconds = perf_counter(), 0.0
    for _ in range(STEPS - 11):
        launched = perf_counter()
        run.step()
        cpu_seconds += perf_counter() - launched
    torch.cuda.synchronize()
    each = (perf_counter() - began) / (STEPS - 11)
    return {
        "size": size,
        "milliseconds": 1000 * each,
        "host_milliseconds": 1000 * cpu_seconds / (STEPS - 11),
        "of_the_matrix_rate": operations(3 * size // 4, size) / each / matrix_rate,
        "peak_megabytes": torch.cuda.max_memory_allocated() / 1e6,
    }


def reference(size: int) -> dict[str, Any]:
    """Measures an evaluation of the plain implementation at one size."""
    options = Options(size=size, precision="float32", backbone=BACKBONE)
    prepared = PreparedInputs.prepare(
        read_pair(PAIRS[0], options), options, choose_backbone(BACKBONE)
    )
    scale = scales(*prepared.size, options)[-1]
    problem = plain_problem(
        Objective.build(prepared.network, prepared.build_targets(scale, options), options)
    )
    running = minimise(problem, prepared.start(scale.size, options))
    for _ in range(5):
        next(running)
    torch.cuda.reset_peak_memory_stats()
    each = seconds(lambda: next(running), rounds=20)
    peak = torch.cuda.max_memory_allocated() / 1e6
    return {"size": size, "milliseconds": 1000 * each, "peak_megabytes": peak}


def measure_job(options: Options, memory_bytes: int | None = None) -> dict[str, Any]:
    """Measures a whole job, from images to picture."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    began = perf_counter()
    for _ in Run(read_pair(PAIRS[0], options), options, memory_bytes=memory_bytes):
        pass
    return {
        "size": options.size,
        "iterations": options.all_iterations,
        "seconds": perf_counter() - began,
        "peak_megabytes": torch.cuda.max_memory_allocated() / 1e6,
    }


def make_parts(rate: float) -> dict[str, Callable[[], Any]]:
    """The functions that measure the parts, by name.

    Args:
        rate: the operations a second of the GPU's matrix products.
    """
    quick = Options(size=512, scale_iterations=(500,), backbone=BACKBONE)
    large = {"size": 3840, "backbone": BACKBONE}
    return {
        "iterations": lambda: [measure_iterations(size, rate) for size in SIZES],
        "reference": lambda: [reference(size) for size in SIZES[:3]],
        "race": lambda: [summarise(race(*PAIRS[0], size)) for size in (256, 512)],
        "512": lambda: measure_job(quick),
        "1024": lambda: measure_job(preset("standard", size=1024, backbone=BACKBONE)),
        "3840": lambda: measure_job(preset("standard", **large)),
        "3840-in-8-GB": lambda: measure_job(preset("standard", **large), memory_bytes=8 * 10**9),
        "7680-in-16-GB": lambda: measure_job(
            Options(size=7680, iterations=20, lbfgs_history=4, backbone=BACKBONE),
            memory_bytes=16 * 10**9,
        ),
    }


def main() -> None:
    """Measures the named parts, and writes the results."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=RESULTS / "gpu.json")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(make_parts(1.0)))
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(make_parts(1.0))
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    target: Path = arguments.file
    found: dict[str, Any] = json.loads(target.read_text()) if target.exists() else {}
    found |= {"machine": machine(), **measure_rates()}
    measure_job(Options(size=128, iterations=20, backbone=BACKBONE))  # warms the GPU up
    parts = make_parts(found["matrix_operations_a_second"])
    for name in arguments.parts or parts:
        found[name] = parts[name]()
        sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
        sys.stdout.flush()
        target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
