"""Scenes that are kept: jobs with the same images share their network and its targets."""

from collections import OrderedDict
from dataclasses import asdict, fields
from hashlib import blake2b

from torch import Tensor

from pastiche.engine.backbones import BackboneSource
from pastiche.engine.inputs import Inputs
from pastiche.engine.scene import Scene
from pastiche.options import Options

INDIFFERENT = frozenset(
    {
        "content_weight",
        "style_weight",
        "tv_weight",
        "tv_norm",
        "style_statistic",
        "gradient_normalisation",
        "scales",
        "scale_factor",
        "start",
        "start_noise",
        "seed",
        "iterations",
        "scale_iterations",
        "stall_tolerance",
        "optimiser",
        "lbfgs_history",
        "adam_step",
    }
)
"""The options that change nothing of a scene."""


class Scenes:
    """The newest scenes of a process that paints one job after another."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._kept: OrderedDict[str, Scene] = OrderedDict()

    def of(self, inputs: Inputs, options: Options, source: BackboneSource) -> Scene:
        """The scene of images that are checked and on their device: a kept one, or a new one."""
        key = _key(inputs, options, source)
        if key not in self._kept:
            self._kept[key] = Scene.of(inputs, options, source)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    @property
    def image_bytes(self) -> int:
        """How much memory the images of the kept scenes take."""
        tensors = {
            image.data_ptr(): image.nbytes
            for scene in self._kept.values()
            for image in scene.images
        }
        return sum(tensors.values())

    def forget(self) -> None:
        """Keeps none of them any more."""
        self._kept.clear()


def _key(inputs: Inputs, options: Options, source: BackboneSource) -> str:
    """What tells one scene from another."""
    whole = blake2b()
    for each in fields(inputs):
        images = getattr(inputs, each.name)
        for image in images if isinstance(images, tuple) else (images,):
            if isinstance(image, Tensor):
                whole.update(f"{each.name} {tuple(image.shape)}".encode())
                whole.update(image.cpu().contiguous().numpy().tobytes())
    chosen = {k: v for k, v in asdict(options).items() if k not in INDIFFERENT}
    whole.update(f"{chosen} {source.name} {source.sha256} {inputs.content.device}".encode())
    return whole.hexdigest()
