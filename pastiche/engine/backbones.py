"""Which backbone paints: chosen before the images are known."""

from pathlib import Path
from typing import Protocol

from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.whitened import Whitened
from pastiche.options import BackboneChoice


class BackboneSource(Protocol):
    """A backbone that was chosen; its network exists once the images are known."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str | None: ...

    def network(self, content: Tensor, style: Tensor) -> Backbone: ...


def choose_backbone(choice: BackboneChoice = "auto", folder: Path | None = None) -> BackboneSource:
    return Whitened()
