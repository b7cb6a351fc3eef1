"""Every option of a picture: its type, unit, range, default and meaning, declared once.

The engine, the API, the command line, the client and the documentation all read this table. It
needs nothing but Python, so it can be imported where torch is not installed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from pastiche.option_type import (
    InvalidOptions,
    Option,
    OptionError,
    option,
    parse_texts,
    read_table,
)
from pastiche.option_values import (
    LAYERS,
    LayerName,
    LayerWeights,
    Schema,
    encode_option,
)

__all__ = [
    "LAYERS",
    "InvalidOptions",
    "LayerName",
    "LayerWeights",
    "Option",
    "OptionError",
    "encode_option",
]

StyleStatistic = Literal["moments", "gram"]
Blend = Literal["losses", "statistics"]
Start = Literal["content", "noise", "grey", "mean", "image"]
PLAIN_STARTS = frozenset[Start]({"noise", "grey", "mean"})
"""The starts that show nothing of an image."""

Optimiser = Literal["lbfgs", "adam"]
BackboneChoice = Literal["auto", "vgg16", "vgg19", "vgg19-caffe", "whitened"]
Pooling = Literal["auto", "max", "average"]
Padding = Literal["replicate", "reflect", "zeros"]
Precision = Literal["auto", "bfloat16", "float32"]
Colour = Literal["style", "palette", "luminance", "statistics"]
Resampling = Literal["bicubic", "bilinear"]
Variation = Literal["squared", "absolute"]
Normalisation = Literal["pastiche", "paper", "neural-style"]

MAX_STYLES = 8
"""How many style images a picture may have."""

MIN_SIZE, MAX_SIZE = 16, 8192
"""The bounds of the longest side of a picture, in pixels."""

LAYER_OPTIONS = ("content_layers", "style_layers")
"""The options whose layers the backbone must have."""

VGG16_LAYERS: tuple[LayerName, ...] = tuple(
    layer for layer in LAYERS if layer not in ("relu3_4", "relu4_4", "relu5_4")
)
"""VGG-16's layers: three in the blocks where VGG-19 has four."""

GATYS_2016 = "Gatys et al. 2016"
GATYS_2017 = "Gatys et al. 2017"
NEURAL_STYLE = "neural-style"

_WEIGHTS = (0.0, 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a picture is painted. Every value is checked when it is created, and no option can be set
    afterwards. Do not change the dicts of layers' weights: that is not checked.

    Raises:
        OptionError: a value has the wrong type or is out of range; the error names the option.
    """

    content_weight: float = option(
        0.5,
        "Weights",
        "α, the weight of the content loss: how much of the photograph stays. Its ratio to "
        "`style_weight` sets the balance between content and style.",
        source=f"{GATYS_2016}, eq. 7",
        bounds=_WEIGHTS,
        live=True,
        sweep=True,
    )
    style_weight: float = option(
        0.5,
        "Weights",
        "β, the weight of the style loss: how strongly the painting's style is applied.",
        source=f"{GATYS_2016}, eq. 7",
        bounds=_WEIGHTS,
        live=True,
        sweep=True,
    )
    tv_weight: float = option(
        1.0,
        "Weights",
        "γ, the weight of the total variation loss, relative to α + β: higher is smoother, 0 "
        "turns it off. It is meant for strokes, so it has less effect if β is below α/4, and none "
        "if β is 0.",
        source=NEURAL_STYLE,
        bounds=_WEIGHTS,
        live=True,
        sweep=True,
    )
    tv_norm: Variation = option(
        "squared",
        "Weights",
        "What the total variation is the sum of: the `squared` differences between neighbouring "
        "pixels (smooth), or the `absolute` ones (flat patches with sharp edges).",
        source=NEURAL_STYLE,
    )
    content_layers: LayerWeights = option(
        {},
        "Weights",
        "The layers at which the content is compared, and their relative weights; by default "
        "`relu4_2`. Shallow layers preserve detail.",
        source=f"{GATYS_2016}, section 2.1",
        bounds=_WEIGHTS,
        refits=True,
    )
    style_layers: LayerWeights = option(
        {},
        "Weights",
        "The layers at which the style is compared, and their relative weights; by default "
        "relu1_1, relu2_1, relu3_1 and relu4_1 (with `whitened`, and with the normalisations "
        "`paper` and `neural-style`, also relu5_1). Shallow layers describe colour and grain, "
        "deep layers describe larger shapes.",
        source=f"{GATYS_2016}, eq. 5",
        bounds=_WEIGHTS,
        refits=True,
    )
    normalisation: Normalisation = option(
        "pastiche",
        "Weights",
        "What a weight of 1 means: `pastiche` divides each term by the magnitude of its target, "
        "so that the same weights have the same effect at every size; `paper` and `neural-style` "
        "are for weights from the paper and from that tool.",
        source=f"{GATYS_2016}, eq. 1, 4; {NEURAL_STYLE}",
        refits=True,
    )
    gradient_normalisation: bool = option(
        False,
        "Weights",
        "Divides the gradient of each layer's term by its L1 norm, so that each layer acts as "
        "strongly as its weight says, however close it is to its target.",
        source=f"{NEURAL_STYLE}, -normalize_gradients",
    )

    style_statistic: StyleStatistic = option(
        "moments",
        "Styles",
        "Which statistic of a layer is compared with the painting's: `moments`, the mean and the "
        "covariance of its features, each relative to its own magnitude, or their `gram` matrix, "
        "which mostly describes colour. `normalisation=paper` and `normalisation=neural-style` "
        "need `gram`.",
        source=f"{GATYS_2016}, eq. 3–5",
    )
    style_weights: tuple[float, ...] = option(
        (),
        "Styles",
        "The relative weights of several style images, in their order; by default they are equal.",
        source=NEURAL_STYLE,
        bounds=_WEIGHTS,
        max_items=MAX_STYLES,
        refits=True,
    )
    style_blend: Blend = option(
        "losses",
        "Styles",
        "How several styles are combined: the weighted mean of their `losses`, each divided by "
        "its own target, or the loss against the weighted mean of their `statistics`, where a "
        "style with strong contrasts counts for more. With masks, only `losses` is allowed.",
        source=NEURAL_STYLE,
    )
    style_scale: float = option(
        1.0,
        "Styles",
        "The size of the strokes: the longest side of the style image is scaled to this many "
        "times that of the pastiche, or of 512 pixels if the pastiche is smaller. The style image "
        "is never enlarged (except with `normalisation=paper` and `normalisation=neural-style`).",
        source=NEURAL_STYLE,
        unit="times the pastiche's size",
        bounds=(0.1, 4.0),
        refits=True,
    )
    colour: Colour = option(
        "style",
        "Styles",
        "Which colours the pastiche has. `style`: those of the style. `palette`: only those of "
        "the style, because the content image is first recoloured to the mean and covariance of "
        "the style's colours. `luminance`: those of the content, because only lightness is "
        "painted. `statistics`: those of the content, because the style image is first recoloured "
        "to the mean and covariance of the content's colours.",
        source=f"{GATYS_2017}, section 5",
        refits=True,
    )

    size: int = option(
        512,
        "Size",
        "The longest side of the pastiche.",
        unit="pixels",
        bounds=(MIN_SIZE, MAX_SIZE),
        refits=True,
    )
    scales: int = option(
        4,
        "Size",
        "The maximum number of sizes at which the picture is painted, coarse to fine; 1 paints at "
        "full size only.",
        source=f"{GATYS_2017}, section 6",
        unit="scales",
        bounds=(1, 8),
    )
    scale_factor: float = option(
        2.0,
        "Size",
        "The ratio between the sizes of successive scales; 1.4142 is √2.",
        source=f"{GATYS_2017}, section 6",
        bounds=(1.2, 4.0),
    )
    resampling: Resampling = option(
        "bicubic",
        "Size",
        "How the content, style and start images are resized: `bicubic`, or `bilinear`, which is "
        "softer.",
        source=NEURAL_STYLE,
        refits=True,
    )

    start: Start = option(
        "content",
        "Start",
        "Where the optimisation starts: from the `content` image, from `noise`, from plain `grey`, "
        "from the `mean` colour of the photographs that VGG was trained on, or from a given "
        "`image`.",
        source=f"{GATYS_2016}, section 2.3",
    )
    start_noise: float = option(
        0.1,
        "Start",
        "The standard deviation of the noise that is added to the start, with pixels in 0 to 1: "
        "strokes need some noise to grow from in plain areas such as skies. Less noise is added "
        "if β is below α, and none if β is 0. A start from `mean` always has all of it; a start "
        "from `noise` begins with its own noise.",
        bounds=(0.0, 1.0),
    )
    seed: int = option(
        0,
        "Start",
        "Seeds the noise of the start: the same inputs and seed on the same device give the same "
        "pixels.",
        bounds=(0, 2**32 - 1),
        sweep=True,
    )

    iterations: int = option(
        120,
        "Optimiser",
        "The number of optimiser steps over all scales; each scale has the same number.",
        unit="steps",
        bounds=(1, 10_000),
    )
    scale_iterations: tuple[int, ...] = option(
        (),
        "Optimiser",
        "The number of steps at each scale, coarse to fine. There is one scale for each number, "
        "and `iterations` and `scales` are ignored.",
        unit="steps",
        bounds=(1, 10_000),
        max_items=8,
    )
    stall_tolerance: float = option(
        0.0,
        "Optimiser",
        "A scale ends early when ten steps have lowered the objective by less than this fraction; "
        "0 never ends a scale early.",
        bounds=(0.0, 0.5),
    )
    optimiser: Optimiser = option(
        "lbfgs",
        "Optimiser",
        "`lbfgs` estimates the curvature from its own steps; `adam` needs many more steps and less "
        "memory.",
        source=f"{GATYS_2016}, section 2.3",
    )
    lbfgs_history: int = option(
        10,
        "Optimiser",
        "How many steps L-BFGS remembers; each step needs the memory of two pictures.",
        source="Nocedal, Wright, section 7.2",
        unit="steps",
        bounds=(1, 100),
    )
    adam_step: float = option(
        0.02,
        "Optimiser",
        "How far Adam moves a pixel in one step, with pixels in 0 to 1.",
        source="Kingma, Ba 2015",
        bounds=(1e-5, 1.0),
    )

    backbone: BackboneChoice = option(
        "auto",
        "Network",
        "The network whose features are compared: `vgg16` (VGG-16 with its authors' weights), "
        "`vgg19` (VGG-19 with torchvision's weights), `vgg19-caffe` (with the weights "
        "that the papers used), `whitened` (with filters fitted to the job's own images, nothing "
        "to download), or `auto`: the first of `vgg19`, `vgg16` and `whitened` whose weights are "
        "installed.",
        source="Simonyan, Zisserman 2015",
        refits=True,
    )
    pooling: Pooling = option(
        "auto",
        "Network",
        "How the network halves its feature maps: `max`, with which VGG was trained and which "
        "gives the clearest strokes; `average`, which is smoother; or `auto`, which is best for "
        "the backbone: `average` with `whitened`, `max` with all others.",
        source=f"{GATYS_2016}, section 2",
        refits=True,
    )
    padding: Padding = option(
        "replicate",
        "Network",
        "What the network sees beyond an image's edges: `replicate` repeats the edge, `reflect` "
        "mirrors the image, and `zeros` is what VGG was trained with, which may leave a frame.",
        refits=True,
    )
    precision: Precision = option(
        "auto",
        "Network",
        "The number format that the network computes in: `bfloat16`, `float32`, or `auto`, which "
        "is bfloat16 on devices that are fast at it.",
        refits=True,
    )

    keep_transparency: bool = option(
        False,
        "Result",
        "Makes a PNG or WebP result as transparent as the content image, so that a cut-out stays "
        "a cut-out; in a JPEG result, transparent areas are white. Without this option, they are "
        "painted as if they were white.",
    )

    def __post_init__(self) -> None:
        for name, declared in OPTIONS.items():
            object.__setattr__(self, name, declared.validate(getattr(self, name)))
        if self.content_weight == 0 and self.style_weight == 0:
            raise OptionError("style_weight", "must be above 0 where content_weight is 0.")
        if self.style_weights and not any(self.style_weights):
            raise OptionError("style_weights", "must not all be 0.")
        if self.normalisation != "pastiche" and self.style_statistic != "gram":
            raise OptionError(
                "style_statistic", f"must be gram where normalisation is {self.normalisation}."
            )
        self.check_layers(self.backbone)

    def check_layers(self, backbone: str) -> None:
        """Checks that a backbone has every layer of the options. `auto` may have them all.

        Raises:
            OptionError: it lacks one; the error names the option and the layer.
        """
        for name in LAYER_OPTIONS:
            for layer in missing_layers(backbone, getattr(self, name)):
                raise OptionError(
                    name,
                    f"must not have {layer}, which the {backbone} backbone does not have: "
                    f"{layer[:-1]}3 is its deepest layer of that block.",
                )

    def to_dict(self) -> dict[str, Any]:
        """Every option by its name."""
        return {name: getattr(self, name) for name in OPTIONS}

    @property
    def all_iterations(self) -> int:
        """The number of optimiser steps over all scales."""
        return sum(self.scale_iterations) or self.iterations

    def check_images(self, *, styles: int, masks: int, style_masks: int, start_image: bool) -> None:
        """Checks the options against the number of images of each kind.

        Raises:
            OptionError: they do not match; the error names the option or the images.
        """
        if not 1 <= styles <= MAX_STYLES:
            raise OptionError("style", f"must be 1 to {MAX_STYLES} images, not {styles}.")
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


OPTIONS: Mapping[str, Option] = MappingProxyType(read_table(Options))
"""The table: every option by its name."""

LIVE_OPTIONS = tuple(name for name, each in OPTIONS.items() if each.live)
"""The options that may change while the picture is painted."""

SWEEP_OPTIONS = tuple(name for name, each in OPTIONS.items() if each.sweep)
"""The options that may have several values in a sweep."""

REFITTING_OPTIONS = tuple(name for name, each in OPTIONS.items() if each.refits)
"""The options that the network or the styles' features depend on."""


def missing_layers(backbone: str, layers: Iterable[str]) -> list[str]:
    """The layers that a backbone does not have. `auto` may have them all."""
    return [layer for layer in layers if backbone == "vgg16" and layer not in VGG16_LAYERS]


def update_options(options: Options, values: Mapping[str, Any]) -> Options:
    """The options with other values.

    Raises:
        OptionError: an option does not exist, or a value is invalid.
    """
    check_names(values, OPTIONS)
    return replace(options, **values)


def check_names(names: Iterable[str], known: Collection[str]) -> None:
    """Raises OptionError, which suggests a similar name, for a name that is not known."""
    for name in names:
        if name not in known:
            similar = get_close_matches(name, known, n=1, cutoff=0.7)
            hint = f" Did you mean {similar[0]}?" if similar else ""
            raise OptionError(name, f"does not exist.{hint}")


def parse(texts: Mapping[str, str], defaults: Mapping[str, Any] = MappingProxyType({})) -> Options:
    """The options in the texts of a form or a command line.

    Args:
        defaults: values of options that are not among the texts, such as those of a preset.

    Raises:
        InvalidOptions: names every invalid option.
    """
    values = parse_texts(OPTIONS, texts)
    try:
        return Options(**{**defaults, **values})
    except OptionError as error:
        raise InvalidOptions([error]) from error


def json_schema() -> Schema:
    """The schema of options as JSON values: an object with every option."""
    properties = {name: option.json_schema() for name, option in OPTIONS.items()}
    return _object_schema("JobOptions", "How the picture is painted.", properties)


def update_schema() -> Schema:
    """The schema of new values for options that may change while the picture is painted."""
    properties = {name: OPTIONS[name].update_schema() for name in LIVE_OPTIONS}
    description = "New weights for a job that is not over; those that are not given stay."
    return _object_schema("WeightUpdate", description, properties)


def _object_schema(title: str, description: str, properties: Schema) -> Schema:
    return {
        "type": "object",
        "title": title,
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }
