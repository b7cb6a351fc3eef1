"""Warnings: options that are valid, and do not do what they seem to ask for.

It needs nothing but Python, so that the API can warn without torch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

from pastiche.options import Options
from pastiche.presets import PRESETS, preset
from pastiche.sizes import enlarges_styles, fitted, style_side

WarningCode = Literal["image_too_small", "no_effect", "weight_is_zero"]

WARNINGS: dict[WarningCode, str] = {
    "image_too_small": "The image has fewer pixels than the options ask for.",
    "no_effect": "The option has no effect beside the other options and images.",
    "weight_is_zero": "The option has no effect because the weight of its loss is 0.",
}
"""What a warning can be about, by its code."""

LEAST_SHARE = 0.9
"""An image counts as too small where its longest side is less than this share of what is asked."""

STYLE_OPTIONS = ("style_layers", "style_statistic", "style_weights", "style_blend", "style_scale")
"""The options of the style loss."""

Size = tuple[int, int]
"""Height and width, in pixels."""


class PasticheWarning(UserWarning):
    """`stylize` warns that an option or an image does not do what it seems to ask for."""


@dataclass(frozen=True, slots=True)
class OptionWarning:
    """The option or image that a warning is about, a code, and a sentence for a person."""

    field: str
    code: WarningCode
    detail: str


def find_warnings(options: Options, content: Size, styles: Sequence[Size]) -> list[OptionWarning]:
    """What does not do what it seems to ask for.

    An option that has no effect is only reported where its value is another than the default, or
    than the preset's where the options come from one: nobody asked for those one by one.

    Args:
        content: of the content image.
        styles: of each style image.
    """
    return [
        *_of_content(options, content),
        *_of_styles(options, styles),
        *_of_other_options(options, len(styles)),
        *_of_zero_weights(options),
    ]


def update_warnings(warnings: Iterable[OptionWarning], options: Options) -> list[OptionWarning]:
    """The warnings of a job whose weights have changed, for its new options."""
    others = [warning for warning in warnings if warning.code != "weight_is_zero"]
    return [*others, *_of_zero_weights(options)]


def _of_content(options: Options, size: Size) -> Iterator[OptionWarning]:
    if max(size) >= LEAST_SHARE * options.size:
        return
    enlarged = fitted(*size, options.size)
    sentence = (
        f"The content image is {_shape(size)} pixels: it is enlarged to {_shape(enlarged)} "
        "and shows no more detail than before."
    )
    yield OptionWarning("content", "image_too_small", sentence)


def _of_styles(options: Options, sizes: Sequence[Size]) -> Iterator[OptionWarning]:
    wanted = style_side(options.size, options)
    for number, size in enumerate(sizes, start=1):
        share = max(size) / wanted
        if share >= LEAST_SHARE:
            continue
        name = "The style image" if len(sizes) == 1 else f"Style image {number}"
        if enlarges_styles(options):
            enlarged = fitted(*size, round(wanted))
            sentence = (
                f"{name} is {_shape(size)} pixels: it is enlarged to {_shape(enlarged)} "
                "and shows no more detail than before."
            )
            yield OptionWarning("style", "image_too_small", sentence)
            continue
        sentence = f"{name} is {_shape(size)} pixels and is used at that size"
        if options.style_scale == 1:
            sentence += (
                f", where its longest side should be {wanted:.0f}: its strokes come out smaller."
            )
            yield OptionWarning("style", "image_too_small", sentence)
        else:
            sentence += (
                f": a style_scale of {options.style_scale:g} needs {wanted:.0f} on its longest "
                f"side, so that its strokes come out as with {options.style_scale * share:.2g}."
            )
            yield OptionWarning("style_scale", "image_too_small", sentence)


def _of_other_options(options: Options, styles: int) -> Iterator[OptionWarning]:
    """Options that others, or the number of style images, leave without effect."""
    asked_for = _asked_for(options)
    for name, reason in _without_effect(options, styles):
        if name in asked_for:
            yield OptionWarning(name, "no_effect", f"{reason}: {name} has no effect.")


def _without_effect(options: Options, styles: int) -> Iterator[tuple[str, str]]:
    """The name of each option that has no effect whatever its value, and why."""
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


def _of_zero_weights(options: Options) -> Iterator[OptionWarning]:
    """Options of a loss that has no weight."""
    asked_for = _asked_for(options)
    for weight, names in _options_of_losses(options).items():
        if getattr(options, weight) > 0:
            continue
        for name in names:
            if name in asked_for:
                sentence = f"{weight} is 0: {name} has no effect."
                yield OptionWarning(name, "weight_is_zero", sentence)


def _options_of_losses(options: Options) -> dict[str, tuple[str, ...]]:
    """By each weight, the options that have no effect where it is 0."""
    # There is noise for strokes to grow from only as far as style is asked for.
    noise = ("start_noise", "seed") if options.start in ("content", "image") else ()
    # Total variation smooths strokes, and is weighted by as much.
    smooths_strokes = options.normalisation == "pastiche" and options.tv_weight > 0
    variation = ("tv_weight", "tv_norm") if smooths_strokes else ()
    return {
        "content_weight": ("content_layers",),
        "style_weight": (*STYLE_OPTIONS, *noise, *variation),
        "tv_weight": ("tv_norm",),
    }


def _asked_for(options: Options) -> set[str]:
    """The names of the options that were chosen one by one: those that differ from the preset that
    they differ least from. `standard` is the defaults."""
    return min((_differing(options, usual) for usual in _preset_options()), key=len)


def _differing(options: Options, others: Options) -> set[str]:
    names = (each.name for each in fields(Options))
    return {name for name in names if getattr(options, name) != getattr(others, name)}


@cache
def _preset_options() -> list[Options]:
    return [preset(name) for name in PRESETS]


def _shape(size: Size) -> str:
    height, width = size
    return f"{width}×{height}"
