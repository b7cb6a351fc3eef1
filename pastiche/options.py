"""What may be asked for: every option's type, unit, range, default and meaning, declared once.

The engine, the API, the command line and the documentation all read this table. It needs nothing
but Python, so that it can be read where torch is not installed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, get_type_hints

from pastiche.option_kinds import (
    LAYERS,
    VGG16_LAYERS,
    Counts,
    LayerName,
    LayerWeights,
    Meaning,
    Numbers,
    OptionError,
    kind_of,
)

__all__ = [
    "LAYERS",
    "VGG16_LAYERS",
    "LayerName",
    "LayerWeights",
    "Meaning",
    "OptionError",
    "Options",
]

StyleStatistic = Literal["moments", "gram"]
Blend = Literal["losses", "statistics"]
Start = Literal["content", "noise", "grey", "mean", "image"]
Optimiser = Literal["lbfgs", "adam"]
BackboneChoice = Literal["auto", "vgg16", "vgg19", "vgg19-caffe", "whitened"]
Pooling = Literal["auto", "max", "average"]
Padding = Literal["replicate", "reflect", "zeros"]
Precision = Literal["auto", "bfloat16", "float32"]
Colour = Literal["style", "palette", "luminance", "statistics"]
Resampling = Literal["bicubic", "bilinear"]
Variation = Literal["squared", "absolute"]
Normalisation = Literal["pastiche", "paper", "neural-style"]

MOST_STYLES = 8
"""How many style images one pastiche may have."""

LAYER_OPTIONS = ("content_layers", "style_layers")
"""The options whose layers the backbone must have."""

GATYS_2016 = "Gatys et al. 2016"
GATYS_2017 = "Gatys et al. 2017"
NEURAL_STYLE = "neural-style"


def _option(default: Any, group: str, description: str, **meaning: Any) -> Any:
    metadata = {"meaning": Meaning(description, group, **meaning)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def _weight(default: float, description: str, source: str) -> Any:
    return _option(default, "Weights", description, source=source, minimum=0.0, maximum=1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a picture is to be painted. Immutable, and valid once it exists.

    Raises:
        OptionError: a value of the wrong type or out of its range; it names the field.
    """

    content_weight: float = _weight(
        0.5,
        "α, the weight of the content loss: how much of the photograph stays. "
        "Set against `style_weight`, it is the dial that everybody turns.",
        f"{GATYS_2016}, eq. 7",
    )
    style_weight: float = _weight(
        0.5,
        "β, the weight of the style loss: how much of the painting's hand comes in.",
        f"{GATYS_2016}, eq. 7",
    )
    tv_weight: float = _weight(
        1.0,
        "γ, the weight of the total variation loss: higher is smoother, 0 turns it off. It smooths "
        "strokes: where β is below α/4 it counts for less, where β is 0 for nothing.",
        NEURAL_STYLE,
    )
    tv_norm: Variation = _option(
        "squared",
        "Weights",
        "What total variation adds up: the `squared` steps between neighbours (smooth), or the "
        "`absolute` ones (flat patches with sharp edges).",
        source=NEURAL_STYLE,
    )
    content_layers: LayerWeights = _option(
        {},
        "Weights",
        "The layers at which the content is compared, and their weights against each other; "
        "without any, `relu4_2`. Shallow ones hold on to detail.",
        source=f"{GATYS_2016}, section 2.1",
        minimum=0.0,
        maximum=1e6,
    )
    style_layers: LayerWeights = _option(
        {},
        "Weights",
        "The layers at which the style is compared, and their weights against each other; "
        "by default relu1_1, relu2_1, relu3_1 and relu4_1 (with `whitened` relu5_1 too). Shallow "
        "ones are colour and grain, deep ones larger shapes.",
        source=f"{GATYS_2016}, eq. 5",
        minimum=0.0,
        maximum=1e6,
    )
    normalisation: Normalisation = _option(
        "pastiche",
        "Weights",
        "What weights of 1 stand for: `pastiche` divides every term by what its target amounts to, "
        "so that the same weights mean the same at every size; `paper` and `neural-style` are "
        "for weights that come from there.",
        source=f"{GATYS_2016}, eq. 1, 4; {NEURAL_STYLE}",
    )
    gradient_normalisation: bool = _option(
        False,
        "Weights",
        "Divides the gradient of each layer's term by its L1 norm, so that every layer pulls as "
        "hard as its weight says, however near it is to its target.",
        source=f"{NEURAL_STYLE}, -normalize_gradients",
    )

    style_statistic: StyleStatistic = _option(
        "moments",
        "Styles",
        "What of a layer is compared with the painting's: `moments`, the mean and the covariance "
        "of its features, each relative to its own size, or their `gram` matrix, which is mostly "
        "colour. `paper` and `neural-style` normalisation take `gram`.",
        source=f"{GATYS_2016}, eq. 3–5",
    )
    style_weights: Numbers = _option(
        (),
        "Styles",
        "The weights of several style images against each other, in their order; without any, all "
        "weigh the same.",
        source=NEURAL_STYLE,
        minimum=0.0,
        maximum=1e6,
        most=MOST_STYLES,
    )
    style_blend: Blend = _option(
        "losses",
        "Styles",
        "How several styles become one: the weighted mean of their `losses`, each divided by its "
        "own target, or the loss against the weighted mean of their `statistics`, where a style of "
        "strong contrasts counts for more. With masks only `losses`.",
        source=NEURAL_STYLE,
    )
    style_scale: float = _option(
        1.0,
        "Styles",
        "The size of the strokes: the style image is looked at with its longest side this many "
        "times the pastiche's, though never larger than it is (but for `paper` and `neural-style` "
        "normalisation, which enlarge it).",
        source=NEURAL_STYLE,
        unit="times the pastiche's size",
        minimum=0.1,
        maximum=4.0,
    )
    colour: Colour = _option(
        "style",
        "Styles",
        "Whose colours the pastiche has: the `style`'s; all of them, with the content image "
        "recoloured to the style's `palette` (mean and covariance) before anything else; the "
        "content's, with only the `luminance` painted; or the content's, with the style image "
        "recoloured to their `statistics` (mean and covariance) before anything else.",
        source=f"{GATYS_2017}, section 5",
    )

    size: int = _option(
        512,
        "Size",
        "The longest side of the pastiche.",
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    scales: int = _option(
        4,
        "Size",
        "At how many sizes it is painted at most, coarse to fine; 1 paints at the full size alone.",
        source=f"{GATYS_2017}, section 6",
        unit="scales",
        minimum=1,
        maximum=8,
    )
    scale_factor: float = _option(
        2.0,
        "Size",
        "By what each scale is larger than the one before; 1.4142 is √2.",
        source=f"{GATYS_2017}, section 6",
        minimum=1.2,
        maximum=4.0,
    )
    resampling: Resampling = _option(
        "bicubic",
        "Size",
        "How the content, style and start images are resized: `bicubic`, or `bilinear`, which is "
        "softer.",
        source=NEURAL_STYLE,
    )

    start: Start = _option(
        "content",
        "Start",
        "Where the optimisation starts: from the `content` image, from `noise`, from plain `grey`, "
        "from plain `mean`, the mean colour of the photographs that VGG was trained on, or from a "
        "given `image`.",
        source=f"{GATYS_2016}, section 2.3",
    )
    start_noise: float = _option(
        0.1,
        "Start",
        "The standard deviation of the noise that the picture begins with, with pixels in 0 to 1: "
        "plain skies need some to grow strokes from. There is less of it where β is below α, none "
        "where β is 0; a start from `mean` has all of it, a start from `noise` its own.",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = _option(
        0,
        "Start",
        "Draws the noise of the start: the same inputs and seed on the same device give the "
        "same bytes.",
        minimum=0,
        maximum=2**32 - 1,
    )

    iterations: int = _option(
        100,
        "Optimiser",
        "How many optimiser steps in all; a third of them at the full size.",
        unit="steps",
        minimum=1,
        maximum=10_000,
    )
    scale_iterations: Counts = _option(
        (),
        "Optimiser",
        "How many steps at each scale, coarse to fine: then there are as many scales as numbers, "
        "and `iterations` and `scales` are not looked at.",
        unit="steps",
        minimum=1,
        maximum=10_000,
        most=8,
    )
    stall_tolerance: float = _option(
        0.0,
        "Optimiser",
        "A scale is over early when ten steps have lowered the objective by less than this share "
        "of it; 0 never ends one early.",
        minimum=0.0,
        maximum=0.5,
    )
    optimiser: Optimiser = _option(
        "lbfgs",
        "Optimiser",
        "`lbfgs` learns the curvature from its own steps; `adam` needs many more of them and less "
        "memory.",
        source=f"{GATYS_2016}, section 2.3",
    )
    lbfgs_history: int = _option(
        10,
        "Optimiser",
        "How many steps L-BFGS remembers; each takes the memory of two pictures.",
        source="Nocedal, Wright, section 7.2",
        unit="steps",
        minimum=1,
        maximum=100,
    )
    adam_step: float = _option(
        0.02,
        "Optimiser",
        "How far Adam moves a pixel in one step, with pixels in 0 to 1.",
        source="Kingma, Ba 2015",
        minimum=1e-5,
        maximum=1.0,
    )

    backbone: BackboneChoice = _option(
        "auto",
        "Network",
        "The network that looks at the images: `vgg16` (VGG-16 with its authors' weights), `vgg19` "
        "(VGG-19 with torchvision's weights), `vgg19-caffe` (with the weights that the papers "
        "used), `whitened` (with filters fitted to the job's own images, nothing to download), or "
        "`auto`: the first of `vgg19`, `vgg16` and `whitened` whose weights are there.",
        source="Simonyan, Zisserman 2015",
    )
    pooling: Pooling = _option(
        "auto",
        "Network",
        "How the network halves its feature maps: `max` as VGG was trained, with the clearest "
        "strokes; `average`, which is smoother; or `auto`: what the backbone paints best with, "
        "`average` with `whitened` and `max` with all others.",
        source=f"{GATYS_2016}, section 2",
    )
    padding: Padding = _option(
        "replicate",
        "Network",
        "What the network sees beyond an image's edges: the edge itself, its mirror image, or "
        "`zeros` as VGG was trained, which may leave a frame.",
    )
    precision: Precision = _option(
        "auto",
        "Network",
        "What the network computes in: `bfloat16`, `float32`, or `auto`: bfloat16 where the device "
        "is fast at it.",
    )

    keep_transparency: bool = _option(
        False,
        "Result",
        "Makes a PNG or WebP result as transparent as the content image, so that a cut-out stays "
        "one; a JPEG result is white there. Without it, the ground is painted, from white. "
        "`stylize` ignores it: `pastiche.pictures.apply_transparency` does the same.",
    )

    def __post_init__(self) -> None:
        for name, kind in _types().items():
            object.__setattr__(self, name, _kept(name, kind, getattr(self, name)))
        if self.content_weight == 0 and self.style_weight == 0:
            raise OptionError(
                "style_weight", "must be above 0 where content_weight is 0: nothing is asked for."
            )
        if self.style_weights and not any(self.style_weights):
            raise OptionError("style_weights", "must not all be 0.")
        if self.normalisation != "pastiche" and self.style_statistic != "gram":
            raise OptionError(
                "style_statistic", f"must be gram where normalisation is {self.normalisation}."
            )
        self.check_layers(self.backbone)

    def check_layers(self, backbone: str) -> None:
        """Checks that this backbone has every layer of the options; `auto` may have them all.

        Raises:
            OptionError: it does not; the error names the option and the layer.
        """
        for name in LAYER_OPTIONS:
            for layer in missing_layers(backbone, getattr(self, name)):
                raise OptionError(
                    name,
                    f"must not have {layer}, which the {backbone} backbone does not have: "
                    f"{layer[:-1]}3 is its deepest layer of that block.",
                )

    @property
    def all_iterations(self) -> int:
        """How many steps are planned in all."""
        return sum(self.scale_iterations) or self.iterations

    def check_images(self, *, styles: int, masks: int, style_masks: int, start_image: bool) -> None:
        """Holds the options against the images that come with them, by their number.

        Raises:
            OptionError: they do not go together; it names the option or the images.
        """
        if not 1 <= styles <= MOST_STYLES:
            raise OptionError("style", f"must be 1 to {MOST_STYLES} images, not {styles}.")
        if len(self.style_weights) not in (0, styles):
            raise OptionError(
                "style_weights",
                f"must be one for each of {styles} styles: {len(self.style_weights)} given.",
            )
        for name, count in (("mask", masks), ("style_mask", style_masks)):
            if count not in (0, styles):
                raise OptionError(name, f"must be one for each of {styles} styles: {count} given.")
        if masks and self.style_blend == "statistics":
            raise OptionError("style_blend", "must be losses where there are masks.")
        if start_image and self.start != "image":
            raise OptionError("start_image", f"must not be given where start is {self.start}.")
        if self.start == "image" and not start_image:
            raise OptionError("start_image", "must be given where start is image.")


def missing_layers(backbone: str, layers: Iterable[str]) -> list[str]:
    """Those of the layers that a backbone does not have; `auto` may have them all."""
    return [layer for layer in layers if backbone == "vgg16" and layer not in VGG16_LAYERS]


@cache
def meaning_of(name: str) -> Meaning:
    """The description, unit and range of the option called `name`."""
    (meaning,) = (f.metadata["meaning"] for f in fields(Options) if f.name == name)
    assert isinstance(meaning, Meaning)
    return meaning


def wanted(name: str, *, maximum: float | None = None) -> str:
    """What the option called `name` takes, to end a sentence that begins with “must be”.

    Args:
        maximum: the largest number that is allowed here, where that is less than elsewhere.
    """
    kind, meaning = _types()[name], meaning_of(name)
    if maximum is not None:
        meaning = replace(meaning, maximum=maximum)
    return kind_of(kind).wanted(kind, meaning)


def is_list(name: str) -> bool:
    """Whether the option called `name` has several values, which a text separates by commas."""
    return kind_of(_types()[name]).pattern is not None


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Options)


def _kept(name: str, kind: Any, value: Any) -> Any:
    try:
        return kind_of(kind).kept(value, kind, meaning_of(name))
    except (ValueError, TypeError):
        raise OptionError(name, f"must be {wanted(name)}, not {value!r}.") from None
