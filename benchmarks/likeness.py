"""Measures how far pictures are from their style and content images, as VGG-16 sees them.

One picture, painted by any program:

    python -m benchmarks.likeness --picture FILE --content FILE --style FILE

All pairs of examples painted with all presets, or some of them:

    python -m benchmarks.likeness [--pairs harbour:swirls …] [--presets draft …] [--sizes 256 …]

These results go to `benchmarks/results/likeness.json` and, as a table, to `docs/engine.md`. Earlier
rows that are not painted again stay as they are.

In layer l, μ and Σ are the mean and the covariance of the picture's features, and μ̂ and Σ̂ those of
the style image's: d_l = (½‖μ − μ̂‖²/‖μ̂‖² + ½‖Σ − Σ̂‖²/‖Σ̂‖²)^½. The style distance is Σ_l d_l of the
picture divided by Σ_l d_l of the content image: 1 for the photograph, 0 for the painting. The
content distance is ‖F − P‖²/‖P‖² at relu4_2. The network that measures is always vgg16 in float32
with max pooling.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import get_args

import torch
from torch import Tensor

from benchmarks import likeness_table
from benchmarks.likeness_table import Row
from benchmarks.pairs import every_pair, example
from pastiche import OptionError, Options, preset, stylize_tensors
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbone_sources import choose_backbone
from pastiche.engine.fast.cuda import best_device
from pastiche.engine.fast.memory import retain_freed_memory
from pastiche.engine.images import read_image, resize_picture, to_pil
from pastiche.engine.losses import MomentsTarget, position_sums
from pastiche.engine.weights.files import MissingWeights
from pastiche.options import BackboneChoice, LayerName
from pastiche.presets import Preset
from pastiche.sizes import fitted, same_aspect, style_side

STYLE_LAYERS: tuple[LayerName, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER: LayerName = "relu4_2"

COMMON_PIXELS = 320
"""The longest side at which pictures of every size are compared."""

MAX_PIXELS = 1024
"""The maximum longest side of a picture that is measured at its own size."""

PRESETS: tuple[Preset, ...] = ("draft", "standard", "fine")


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a picture is from its images.

    Attributes:
        style: the style distance, relative to the content image's.
        content: the relative squared distance of the feature maps at `CONTENT_LAYER`.
    """

    style: float
    content: float


@cache
def network() -> Backbone:
    """The network that measures.

    Raises:
        MissingWeights: the weights of vgg16 are missing.
    """
    options = Options(pooling="max", padding="replicate", precision="float32")
    image = torch.zeros(1, 3, 16, 16)
    loaded = choose_backbone("vgg16").network([image], {*STYLE_LAYERS, CONTENT_LAYER}, options)
    return loaded.to(best_device(), torch.float32)


def at_common_size(picture: Tensor, content: Tensor, style: Tensor, by: Backbone) -> Likeness:
    """The likeness with every image at `COMMON_PIXELS`. Arguments and errors as for `likeness`."""
    return likeness(picture, content, style, by, COMMON_PIXELS, COMMON_PIXELS)


def at_own_size(
    picture: Tensor, content: Tensor, style: Tensor, by: Backbone, options: Options
) -> Likeness:
    """The likeness with the picture at its own size, up to `MAX_PIXELS`, and the style image at the
    size that it had when the picture was painted. Arguments and errors as for `likeness`.

    Args:
        options: the options that it was painted with.
    """
    side = min(MAX_PIXELS, max(picture.shape[-2:]))
    style_pixels = min(style_side(side, options), max(style.shape[-2:]))
    return likeness(picture, content, style, by, side, round(style_pixels))


@torch.no_grad()
def likeness(
    picture: Tensor, content: Tensor, style: Tensor, by: Backbone, side: int, style_pixels: int
) -> Likeness:
    """How far a picture is from its images.

    Args:
        picture, content, style: (1, 3, H, W) in 0 to 1.
        by: the network that measures.
        side: the longest side of the picture and the content image for the network, in pixels.
        style_pixels: the longest side of the style image for the network, in pixels.

    Raises:
        ValueError: the picture and the content image have different aspect ratios, or the content
            image already has the style of the style image.
    """
    if not same_aspect(_size(picture), _size(content)):
        raise ValueError("The picture must have the content image's aspect ratio.")
    size = fitted(*_size(picture), side)
    features = [
        by.features(resize_picture(image, each), {*STYLE_LAYERS, CONTENT_LAYER})
        for image, each in (
            (picture, size),
            (content, size),
            (style, fitted(*_size(style), style_pixels)),
        )
    ]
    of_picture, of_content, of_style = features
    whole = _style_distance(of_content, of_style)
    if whole == 0.0:
        raise ValueError("The content image and the style image must not be the same.")
    target = of_content[CONTENT_LAYER]
    difference = (of_picture[CONTENT_LAYER] - target).square().sum() / target.square().sum()
    return Likeness(_style_distance(of_picture, of_style) / whole, difference.item())


def _style_distance(
    features: Mapping[LayerName, Tensor], style: Mapping[LayerName, Tensor]
) -> float:
    """Σ_l d_l."""
    distances = []
    for layer in STYLE_LAYERS:
        target = MomentsTarget.from_moments(position_sums(style[layer]).moments())
        squared, _ = target.loss(position_sums(features[layer]).moments())
        distances.append(squared.sqrt())
    return torch.stack(distances).sum().item()


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def measure(pair: tuple[str, str], name: Preset, options: Options) -> Row:
    """Paints a pair of examples and measures the picture as it would be saved, in 8 bits."""
    content, style = (
        example(kind, each) for kind, each in zip(("content", "style"), pair, strict=True)
    )
    began = perf_counter()
    picture = read_image(to_pil(stylize_tensors(content, style, options)))
    seconds = perf_counter() - began
    images = picture, content, style
    return Row(
        content=pair[0],
        style=pair[1],
        preset=name,
        size=options.size,
        backbone=options.backbone,
        seconds=seconds,
        at_common_size=asdict(at_common_size(*images, network())),
        at_own_size=asdict(at_own_size(*images, network(), options)),
    )


def _measure_examples(arguments: Namespace) -> None:
    """Paints and measures the examples, and writes each row immediately."""
    retain_freed_memory()
    for name in arguments.presets:
        for size in arguments.sizes or [preset(name).size]:
            options = preset(name, size=size, backbone=arguments.backbone)
            for pair in arguments.pairs:
                row = measure(pair, name, options)
                sys.stdout.write(f"{row.sentence()}\n")
                sys.stdout.flush()
                likeness_table.write(row)


def _measure_file(arguments: Namespace) -> None:
    """Prints the likeness of one picture."""
    picture, content, style = (
        read_image(path) for path in (arguments.picture, arguments.content, arguments.style)
    )
    options = Options(size=max(_size(picture)), style_scale=arguments.style_scale)
    for words, found in (
        (f"at {COMMON_PIXELS} px", at_common_size(picture, content, style, network())),
        ("at its own size", at_own_size(picture, content, style, network(), options)),
    ):
        sys.stdout.write(f"{words:16} style {found.style:.3f}, content {found.content:.3f}\n")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m benchmarks.likeness", description=__doc__.split("\n")[0]
    )
    one = parser.add_argument_group("one picture")
    one.add_argument("--picture", type=Path, metavar="FILE", help="the painted picture")
    one.add_argument("--content", type=Path, metavar="FILE", help="its photograph")
    one.add_argument("--style", type=Path, metavar="FILE", help="its painting")
    one.add_argument("--style-scale", type=float, default=1.0, help="its option style_scale")
    many = parser.add_argument_group("the examples")
    many.add_argument(
        "--pairs", type=_pair, nargs="+", default=every_pair(), metavar="CONTENT:STYLE"
    )
    many.add_argument("--presets", nargs="+", default=PRESETS, choices=get_args(Preset))
    many.add_argument(
        "--sizes", type=int, nargs="+", help="longest sides in pixels, by default the preset's"
    )
    many.add_argument("--backbone", default="vgg16", choices=get_args(BackboneChoice))
    return parser


def _pair(text: str) -> tuple[str, str]:
    content, _, style = text.partition(":")
    if (content, style) not in every_pair():
        raise ArgumentTypeError(f"{text!r} is not a pair of examples, such as harbour:swirls")
    return content, style


def main(arguments: Sequence[str]) -> None:
    """Measures the chosen pictures."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    files = [parsed.picture, parsed.content, parsed.style]
    if any(files) and not all(files):
        parser.error("--picture, --content and --style must be given together")
    try:
        network()
        (_measure_file if parsed.picture else _measure_examples)(parsed)
    except (OSError, ValueError, OptionError, MissingWeights) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
