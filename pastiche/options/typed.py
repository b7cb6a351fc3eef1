"""The options and job settings as typed dictionaries, for type checkers and editors.

Written by `python -m tools.option_types`: please change `pastiche.options.table` instead.
"""

from collections.abc import Sequence
from typing import TypedDict

from pastiche.job_settings import Priority
from pastiche.options.table import (
    BackboneChoice,
    Blend,
    Colour,
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
from pastiche.options.value_types import LayerWeights
from pastiche.presets import Preset


class CommonOptions(TypedDict, total=False):
    """Options that have one value each, and job settings."""

    preset: Preset
    priority: Priority
    deadline: float
    webhook_url: str
    pictures_of: str
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


class JobOptions(CommonOptions, total=False):
    """The options and settings of one job."""

    content_weight: float
    style_weight: float
    tv_weight: float
    seed: int


class SweepOptions(CommonOptions, total=False):
    """The options and settings of a sweep: a job for each combination of values."""

    content_weight: float | Sequence[float]
    style_weight: float | Sequence[float]
    tv_weight: float | Sequence[float]
    seed: int | Sequence[int]
