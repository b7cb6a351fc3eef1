"""Presets: named sets of option values. `paper` and `neural-style` reproduce published methods.

These two name the source of every value. A value that the source does not specify is our choice,
and marked as such. Options that a preset does not set have their defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pastiche.options import BackboneChoice, OptionError, Options, update_options

Preset = Literal["draft", "standard", "fine", "paper", "neural-style"]


@dataclass(frozen=True, slots=True)
class Constant:
    """The value of one option in a preset, and where it comes from."""

    value: Any
    source: str


PAPER: Mapping[str, Constant] = {
    # ½ Σ (F − P)² at relu4_2; 1/(4N²M²) Σ (G − A)² with w_l = 1/5 at relu1_1 to relu5_1.
    "normalisation": Constant("paper", "eq. 1, 4 and 5, section 3"),
    "style_statistic": Constant("gram", "eq. 3"),
    # α/β = 10⁻³; only the ratio matters.
    "content_weight": Constant(1.0, "figures 5 and 6"),
    "style_weight": Constant(1000.0, "figures 5 and 6"),
    "tv_weight": Constant(0.0, "eq. 7, which has no third term"),
    "pooling": Constant("average", "section 2"),
    "padding": Constant("zeros", "VGG's own"),
    "style_scale": Constant(1.0, "section 2.3: both images in one size"),
    "scales": Constant(1, "section 2.3: one size"),
    "start": Constant("noise", "section 2.3, figure 6"),
    "optimiser": Constant("lbfgs", "section 2.3"),
    "iterations": Constant(500, "open there; max_iter in the authors' notebook"),
}
"""Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016); the
notebook is leongatys/PytorchNeuralStyleTransfer. The paper does not specify the size, the spread of
the noise, the history of L-BFGS, how images are resized, and what happens beyond the gamut. Its
network is VGG-19 with every filter scaled to a mean activation of 1. `whitened` is scaled in this
way, the pretrained files are not: with them, style counts for more."""

NEURAL_STYLE: Mapping[str, Constant] = {
    "size": Constant(512, "-image_size"),
    "content_weight": Constant(5.0, "-content_weight"),
    "style_weight": Constant(100.0, "-style_weight"),
    "tv_weight": Constant(0.001, "-tv_weight"),
    "iterations": Constant(1000, "-num_iterations"),
    "gradient_normalisation": Constant(False, "-normalize_gradients"),
    "optimiser": Constant("lbfgs", "-optimizer"),
    # Of pixels in 0 to 255.
    "adam_step": Constant(10 / 255, "-learning_rate"),
    "lbfgs_history": Constant(100, "optim.lbfgs, nCorrection"),
    "style_scale": Constant(1.0, "-style_scale"),
    "colour": Constant("style", "-original_colors"),
    "pooling": Constant("max", "-pooling"),
    "backbone": Constant("vgg19-caffe", "-model_file"),
    "padding": Constant("zeros", "-proto_file: pad: 1"),
    # randn · 0.001 around the mean pixel, in 0 to 255.
    "start": Constant("mean", "-init random, preprocess"),
    "start_noise": Constant(0.001 / 255, "-init random"),
    # Means of squares, G / (CHW), and every layer's weight 1.
    "normalisation": Constant("neural-style", "ContentLoss, StyleLoss"),
    "style_statistic": Constant("gram", "GramMatrix"),
    "style_blend": Constant("statistics", "StyleLoss:updateOutput, blend_weight"),
    "tv_norm": Constant("squared", "TVLoss:updateGradInput"),
    "resampling": Constant("bilinear", "image.scale"),
    "scales": Constant(1, "main: one size"),
}
"""neural_style.lua of jcjohnson/neural-style, with its defaults. These things differ:

- Pixels in 0 to 1 are multiplied by 255, as when the network was trained, not by 256.
- Images shrink by PIL's bilinear filter, not by the mean of the area that each pixel covers.
- Pooling leaves out an odd last row or column, which Caffe pools by itself.
- The total variation includes the differences within the last row and column.
- The first step of L-BFGS has another length, and a step that raises the objective is undone.
- Colours that no screen shows are penalised.
"""

SOURCED: Mapping[Preset, Mapping[str, Constant]] = {"paper": PAPER, "neural-style": NEURAL_STYLE}
"""The presets that reproduce published methods."""

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "draft": {"size": 256, "iterations": 90},
    "standard": {},
    "fine": {"size": 1024, "iterations": 240},
    **{
        name: {option: constant.value for option, constant in constants.items()}
        for name, constants in SOURCED.items()
    },
}
"""What each preset sets; other options have their defaults."""

NETWORKS: Mapping[Preset, tuple[BackboneChoice, ...]] = {
    "neural-style": ("vgg19-caffe", "vgg19", "vgg16"),
}
"""The backbones of a preset that does not work with all of them. The weights of `neural-style` are
for features as large as those of a pretrained network. With other backbones the picture stays
grey."""

MEANINGS: Mapping[Preset, str] = {
    "draft": "A quick look at a pair of images.",
    "standard": "The defaults.",
    "fine": "Larger, with more iterations.",
    "paper": "As in Gatys, Ecker, Bethge (2016), section 2.3: with the paper's sums, α/β = 10⁻³, "
    "starting from noise.",
    "neural-style": "Like the tool neural-style with its defaults. It uses the Caffe network, "
    "whose weights must be installed; `vgg19` and `vgg16` work too, `whitened` and `auto` do not.",
}
"""What each preset is for."""


def check_network(name: Preset, options: Options) -> None:
    """Checks that the options of a preset have a backbone that it works with.

    Raises:
        OptionError: they do not.
    """
    networks = NETWORKS.get(name)
    if networks is not None and options.backbone not in networks:
        raise OptionError(
            "backbone",
            f"must be one of {', '.join(networks)} where preset is {name}, not "
            f"{options.backbone}: its weights are for pretrained networks.",
        )


def preset(name: Preset = "standard", **chosen: Any) -> Options:
    """The options of a preset, with the `chosen` values instead of its own.

    Raises:
        OptionError: the preset or an option does not exist, a value is invalid, or the preset does
            not work with the backbone.
    """
    if name not in PRESETS:
        raise OptionError("preset", f"must be one of {', '.join(get_args(Preset))}, not {name!r}.")
    options = update_options(Options(**PRESETS[name]), chosen)
    check_network(name, options)
    return options
