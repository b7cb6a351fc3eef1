"""Everything that may be asked for, typed for callers, and as a form has it.

A test holds these names and types against `pastiche.options`, so that the one table stays one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from pastiche.client.pictures import Picture, uploads
from pastiche.options import (
    BackboneChoice,
    Blend,
    Colour,
    LayerWeights,
    Normalisation,
    Optimiser,
    Padding,
    Pooling,
    Precision,
    Resampling,
    Start,
    StyleStatistic,
    Variation,
)
from pastiche.presets import Preset


class Wishes(TypedDict, total=False):
    """What every submission may ask for; what each means is said in `pastiche.options`.

    `start` may also be an earlier job's id: it is gone on from its picture. `pictures_of` names one
    whose content and style images are used where none are given.
    """

    mask: Picture | Sequence[Picture]
    style_mask: Picture | Sequence[Picture]
    start_image: Picture
    content_map: Picture

    preset: Preset
    tv_norm: Variation
    content_layers: LayerWeights
    style_layers: LayerWeights
    normalisation: Normalisation
    gradient_normalisation: bool
    style_statistic: StyleStatistic
    style_weights: Sequence[float]
    style_blend: Blend
    style_scale: float
    colour: Colour
    size: int
    scales: int
    scale_factor: float
    resampling: Resampling
    start: Start | str
    start_noise: float
    iterations: int
    scale_iterations: Sequence[int]
    stall_tolerance: float
    optimiser: Optimiser
    lbfgs_history: int
    adam_step: float
    backbone: BackboneChoice
    pooling: Pooling
    padding: Padding
    precision: Precision
    keep_transparency: bool
    priority: Literal["high", "normal", "low"]
    deadline: float
    webhook_url: str
    pictures_of: str


class JobWishes(Wishes, total=False):
    """What one job may ask for."""

    content_weight: float
    style_weight: float
    tv_weight: float
    seed: int


class SweepWishes(Wishes, total=False):
    """What a sweep may ask for: of these it paints every combination."""

    content_weight: float | Sequence[float]
    style_weight: float | Sequence[float]
    tv_weight: float | Sequence[float]
    seed: int | Sequence[int]


PICTURES = ("content", "style", "mask", "style_mask", "start_image", "content_map")
"""The fields of a form that are files."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is asked for, pictures and wishes by their names; what is None is not sent.

    Attributes:
        key: under which it is one, however often it is sent; None for one of its own.
        limit_bytes: how large a picture may be as a file.
    """

    asked: Mapping[str, Any]
    key: str | None
    limit_bytes: int

    def files(self) -> tuple[tuple[str, bytes], ...]:
        """The pictures as they are sent.

        Raises:
            UnusablePicture: one cannot be read, or would not be taken.
        """
        return uploads({name: self.asked.get(name) for name in PICTURES}, self.limit_bytes)

    def form(self) -> dict[str, str]:
        """Everything else, as text."""
        return {
            name: text_of(value)
            for name, value in self.asked.items()
            if name not in PICTURES and value is not None
        }


def text_of(value: Any) -> str:
    """A value as `pastiche.option_kinds` reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{weight}" for name, weight in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(text_of(each) for each in value)
    return str(value)
