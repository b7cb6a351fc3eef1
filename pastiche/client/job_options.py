"""The arguments of a submission: generated from `pastiche.options` by `make client`."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from pastiche.client.models import JobPicture, JobPictures
from pastiche.options import LayerWeights

PICTURE_FIELDS = ("content", "style", "mask", "style_mask", "start_image", "content_map")
"""The arguments that are pictures."""


class _CommonOptions(TypedDict, total=False):
    """What all submissions have in common; `pastiche.options` describes each option.

    `start` may also be the id of an earlier job, whose result is the start image.
    """

    tv_norm: Literal["squared", "absolute"]
    content_layers: LayerWeights
    style_layers: LayerWeights
    normalisation: Literal["pastiche", "paper", "neural-style"]
    gradient_normalisation: bool
    style_statistic: Literal["moments", "gram"]
    style_weights: Sequence[float]
    style_blend: Literal["losses", "statistics"]
    style_scale: float
    colour: Literal["style", "palette", "luminance", "statistics"]
    size: int
    scales: int
    scale_factor: float
    resampling: Literal["bicubic", "bilinear"]
    start: Literal["content", "noise", "grey", "mean", "image"] | str
    start_noise: float
    iterations: int
    scale_iterations: Sequence[int]
    stall_tolerance: float
    optimiser: Literal["lbfgs", "adam"]
    lbfgs_history: int
    adam_step: float
    backbone: Literal["auto", "vgg16", "vgg19", "vgg19-caffe", "whitened"]
    pooling: Literal["auto", "max", "average"]
    padding: Literal["replicate", "reflect", "zeros"]
    precision: Literal["auto", "bfloat16", "float32"]
    keep_transparency: bool
    preset: Literal["draft", "standard", "fine", "paper", "neural-style"]
    priority: Literal["high", "normal", "low"]
    deadline: float
    timeout: float
    keep: float | Literal["until_fetched"]
    webhook_url: str
    webhook_events: Sequence[Literal["started", "progress", "finished"]]


class _OtherPictures(TypedDict, total=False):
    """The pictures that go with one pair of images.

    `pictures_of` is the id of an earlier job whose pictures are used if none are given.
    """

    mask: JobPictures
    style_mask: JobPictures
    start_image: JobPicture
    content_map: JobPicture
    pictures_of: str


class JobOptions(_CommonOptions, _OtherPictures, total=False):
    """The options of one job."""

    content_weight: float
    style_weight: float
    tv_weight: float
    seed: int


class BatchOptions(_CommonOptions, total=False):
    """The options of a batch: one job for each combination of the values of these."""

    content_weight: float | Sequence[float]
    style_weight: float | Sequence[float]
    tv_weight: float | Sequence[float]
    seed: int | Sequence[int]


class SweepOptions(BatchOptions, _OtherPictures, total=False):
    """The options of a sweep: those of a batch, and the pictures of its pair."""


class WeightOptions(TypedDict, total=False):
    """The options that may change while a job is painted."""

    content_weight: float | None
    style_weight: float | None
    tv_weight: float | None
