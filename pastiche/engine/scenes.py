"""Scenes that are kept: jobs with the same images share their network and its targets."""

from collections import OrderedDict
from dataclasses import fields
from hashlib import blake2b

from torch import Tensor

from pastiche.engine.backbones import BackboneSource
from pastiche.engine.inputs import Inputs
from pastiche.engine.scene import Scene
from pastiche.options import REFITTING_OPTIONS, Options


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
    chosen = {name: getattr(options, name) for name in REFITTING_OPTIONS}
    whole.update(f"{chosen} {source.name} {source.sha256} {inputs.content.device}".encode())
    return whole.hexdigest()
