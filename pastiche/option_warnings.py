"""Warnings: options that are valid, but have no effect, and images with too few pixels.

This needs nothing but Python, so that the API can warn without torch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pastiche.options import OPTIONS, Options
from pastiche.presets import PRESETS, preset
from pastiche.sizes import enlarges_styles, fitted, style_side

WarningCode = Literal["image_too_small", "no_effect", "weight_is_zero"]

WARNINGS: dict[WarningCode, str] = {
    "image_too_small": "The image has fewer pixels than the options need.",
    "no_effect": "The option has no effect with these other options and images.",
    "weight_is_zero": "The option has no effect because the weight of its loss is 0.",
}
"""What each warning means, by its code."""

MIN_SIZE_RATIO = 0.9
"""An image is too small if its longest side is less than this fraction of what it should be."""

STYLE_OPTIONS = ("style_layers", "style_statistic", "style_weights", "style_blend", "style_scale")
"""The options of the style loss."""

Size = tuple[int, int]
"""Height and width, in pixels."""


class PasticheWarning(UserWarning):
    """`stylize` warns that an option has no effect, or that an image has too few pixels."""


@dataclass(frozen=True, slots=True)
class OptionWarning:
    """The option or image that a warning is about, a code, and a sentence for people."""

    field: str
    code: WarningCode
    detail: str


def find_warnings(options: Options, content: Size, styles: Sequence[Size]) -> list[OptionWarning]:
    """Options without effect, and images with too few pixels.

    An option without effect is only reported if its value differs from the default, or from the
    value in the preset if the options come from one: nobody chose such a value on purpose.

    Args:
        content: the size of the content image.
        styles: the size of each style image.
    """
    return [
        *_find_small_content(options, content),
        *_find_small_styles(options, styles),
        *_find_options_without_effect(options, len(styles)),
        *_find_zero_weights(options),
    ]


def update_warnings(warnings: Iterable[OptionWarning], options: Options) -> list[OptionWarning]:
    """The warnings of a job with new weights."""
    others = [warning for warning in warnings if warning.code != "weight_is_zero"]
    return [*others, *_find_zero_weights(options)]


def _find_small_content(options: Options, size: Size) -> Iterator[OptionWarning]:
    if max(size) < MIN_SIZE_RATIO * options.size:
        sentence = _describe_enlarged("The content image", size, options.size)
        yield OptionWarning("content", "image_too_small", sentence)


def _find_small_styles(options: Options, sizes: Sequence[Size]) -> Iterator[OptionWarning]:
    needed = style_side(options.size, options)
    for number, size in enumerate(sizes, start=1):
        share = max(size) / needed
        if share >= MIN_SIZE_RATIO:
            continue
        field, name = "style", "The style image" if len(sizes) == 1 else f"Style image {number}"
        sentence = f"{name} is {_format_size(size)} pixels and is used at that size"
        if enlarges_styles(options):
            sentence = _describe_enlarged(name, size, round(needed))
        elif options.style_scale == 1:
            sentence += (
                f", where its longest side should be {needed:.0f}: its strokes come out smaller."
            )
        else:
            field = "style_scale"
            sentence += (
                f": a style_scale of {options.style_scale:g} needs {needed:.0f} on its longest "
                f"side, so that its strokes come out as with {options.style_scale * share:.2g}."
            )
        yield OptionWarning(field, "image_too_small", sentence)


def _describe_enlarged(name: str, size: Size, longest_side: int) -> str:
    enlarged = fitted(*size, longest_side)
    return (
        f"{name} is {_format_size(size)} pixels: it is enlarged to {_format_size(enlarged)} and "
        "shows no more detail than before."
    )


def _find_options_without_effect(options: Options, styles: int) -> Iterator[OptionWarning]:
    chosen = _find_chosen(options)
    for name, reason in _list_ineffective(options, styles):
        if name in chosen:
            yield OptionWarning(name, "no_effect", f"{reason}: {name} has no effect.")


def _list_ineffective(options: Options, styles: int) -> Iterator[tuple[str, str]]:
    """The name of each option that has no effect, whatever its value, and why."""
    if options.optimiser == "adam":
        yield "lbfgs_history", "The optimiser is Adam"
    else:
        yield "adam_step", "The optimiser is L-BFGS, which finds the length of its steps itself"
    counts = options.scale_iterations
    if counts and options.iterations != sum(counts):
        yield "iterations", f"scale_iterations has {sum(counts)} iterations in all"
    if counts and options.scales != len(counts):
        yield "scales", f"scale_iterations has {len(counts)} scale{'s' * (len(counts) > 1)}"
    has_one_scale = (len(counts) or options.scales) == 1
    if has_one_scale:
        yield "scale_factor", "The picture is painted at one scale"
    if options.start == "noise" and has_one_scale:
        yield "start_noise", "A start from noise has noise of its own"
    if options.start != "noise" and options.start_noise == 0:
        yield "seed", "No noise is drawn where start_noise is 0"
    if styles == 1:
        yield "style_weights", "There is one style image"
        yield "style_blend", "There is one style image"


def _find_zero_weights(options: Options) -> Iterator[OptionWarning]:
    chosen = _find_chosen(options)
    for weight, names in _list_loss_options(options).items():
        if getattr(options, weight) > 0:
            continue
        for name in names:
            if name in chosen:
                sentence = f"{weight} is 0: {name} has no effect."
                yield OptionWarning(name, "weight_is_zero", sentence)


def _list_loss_options(options: Options) -> dict[str, tuple[str, ...]]:
    """For each weight, the options that have no effect if it is 0."""
    # Noise is only added in proportion to the weight of the style.
    noise = ("start_noise", "seed") if options.start in ("content", "image") else ()
    # Total variation smooths strokes, so it is scaled by the weight of the style.
    smooths_strokes = options.normalisation == "pastiche" and options.tv_weight > 0
    variation = ("tv_weight", "tv_norm") if smooths_strokes else ()
    return {
        "content_weight": ("content_layers",),
        "style_weight": (*STYLE_OPTIONS, *noise, *variation),
        "tv_weight": ("tv_norm",),
    }


def _find_chosen(options: Options) -> set[str]:
    """The options that were chosen on purpose: those that differ from the most similar preset. The
    preset `standard` has the defaults."""
    differing = (
        {name for name in OPTIONS if getattr(options, name) != getattr(others, name)}
        for others in _preset_options()
    )
    return min(differing, key=len)


@cache
def _preset_options() -> list[Options]:
    return [preset(name) for name in PRESETS]


def _format_size(size: Size) -> str:
    height, width = size
    return f"{width}×{height}"
