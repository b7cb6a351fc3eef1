"""Compares Pastiche with neural-style-pt: python -m benchmarks.neural_style_pt FOLDER [SIZE …]

FOLDER is a checkout of that tool (ProGamerGov/neural-style-pt). Both run as new processes, one
after the other, with the same pairs of examples, longest side, threads and VGG-16, and otherwise
their defaults. Pastiche runs as `pastiche paint --local`. The seconds include the whole process.
Every picture is measured as in `benchmarks.likeness`. The results go to
`benchmarks/results/neural_style_pt.json`, and the pictures to `docs/pictures/neural_style_pt.jpg`,
with a row for each pair: the photograph, the painting, our picture, and the tool's.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from PIL import Image

from api.sweeps.contact_sheet import grid
from benchmarks.likeness import at_common_size, network
from benchmarks.machine import machine
from benchmarks.pairs import BACKBONE, PAIRS, RESULTS, example, example_file
from pastiche.engine.backbone_sources import load
from pastiche.engine.images import read_image
from pastiche.engine.weights.files import FILES, find
from pastiche.network_layers import POOLED_BEFORE
from pastiche.options import VGG16_LAYERS
from tools.paint.files import fitted_in

SIZES = (256,)
TILE_PIXELS = 320
NAMES = ("pastiche", "neural_style_pt")
PICTURES = Path("docs/pictures/neural_style_pt.jpg")
MODEL = "vgg16.pth"
"""The tool recognises a network by its file name."""


def write_model(path: Path) -> None:
    """Writes the weights of vgg16 in the tool's format: a state dictionary of `features` whose
    layer numbers count ReLU and pooling, too.

    Raises:
        SystemExit: the weights are not installed.
    """
    file = find(FILES[BACKBONE])
    if file is None:
        sys.exit(f"The weights of {BACKBONE} are needed: pastiche weights {BACKBONE}")
    state, number = {}, 0
    for layer, convolution in load(file, VGG16_LAYERS).items():
        number += layer in POOLED_BEFORE
        state[f"features.{number}.weight"] = convolution.weight
        state[f"features.{number}.bias"] = convolution.bias
        number += 2
    torch.save(state, path)


def tool_command(folder: Path, model: Path, files: tuple[Path, Path], size: int) -> list[str]:
    """The command of the tool with its defaults, on the CPU, without intermediate pictures."""
    content, style = files
    arguments = {
        "content_image": content,
        "style_image": style,
        "image_size": size,
        "model_file": model,
        "gpu": "c",
        "seed": 1,
        "save_iter": 0,
        "print_iter": 0,
    }
    words = [str(word) for name, value in arguments.items() for word in (f"-{name}", value)]
    # -disable_check: the file has no dense layers, which the tool does not use.
    return [sys.executable, str(folder / "neural_style.py"), *words, "-disable_check"]


def pastiche_command(files: tuple[Path, Path], size: int) -> list[str]:
    """The command of `pastiche paint --local` with its defaults."""
    content, style = map(str, files)
    paint = [sys.executable, "-m", "pastiche", "paint", content, "-s", style]
    return [*paint, "--local", "--size", str(size), "--backbone", BACKBONE, "--quiet"]


def paint(command: list[str]) -> float:
    """The seconds of a process that paints a picture."""
    began = perf_counter()
    subprocess.run(command, check=True)
    return perf_counter() - began


def compare(
    folder: Path, model: Path, pair: tuple[str, str], size: int, target: Path
) -> tuple[dict[str, Any], list[Image.Image]]:
    """Paints a pair with both programs. Returns how long each took and the likeness of its picture,
    and thumbnails of the photograph, the painting, and both pictures."""
    files = example_file("content", pair[0]), example_file("style", pair[1])
    images = example("content", pair[0]), example("style", pair[1])
    ours, theirs = (target / f"{'-'.join(pair)}-{size}-{name}.png" for name in NAMES)
    commands = (
        [*pastiche_command(files, size), "--output", str(ours)],
        [*tool_command(folder, model, files, size), "-output_image", str(theirs)],
    )
    row: dict[str, Any] = {"content": pair[0], "style": pair[1], "size": size}
    for name, command, picture in zip(NAMES, commands, (ours, theirs), strict=True):
        seconds = paint(command)
        found = at_common_size(read_image(picture), *images, network())
        row[name] = {"seconds": seconds, **asdict(found)}
    return row, [fitted_in(path, TILE_PIXELS) for path in (*files, ours, theirs)]


def main(arguments: Sequence[str]) -> None:
    """Prints the results, and writes them to the file after each pair."""
    folder = Path(arguments[0]).resolve() if arguments else None
    if folder is None or not (folder / "neural_style.py").is_file():
        sys.exit("usage: python -m benchmarks.neural_style_pt FOLDER [SIZE …], a checkout in it")
    sizes = [int(each) for each in arguments[1:]] or SIZES
    rows, sheet = [], []
    with TemporaryDirectory() as name:
        model = Path(name) / MODEL
        write_model(model)
        for size, pair in product(sizes, PAIRS):
            row, pictures = compare(folder, model, pair, size, Path(name))
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
            rows.append(row)
            sheet.append(pictures)
            text = json.dumps({"machine": machine(), "pairs": rows}, indent=1)
            (RESULTS / "neural_style_pt.json").write_text(text + "\n")
            grid(sheet).save(PICTURES, quality=88)


if __name__ == "__main__":
    main(sys.argv[1:])
