"""The objectives of one scale, evaluated in the memory that there is."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pastiche.engine.evaluation import evaluate
from pastiche.engine.interruption import interruptible
from pastiche.engine.objective import Evaluation, Objective, Term
from pastiche.engine.scene import Scene
from pastiche.memory import SMALLEST_TILE
from pastiche.network_layers import GRID
from pastiche.options import Options
from pastiche.pyramid import Scale


class Evaluator:
    """Evaluates the objectives of a scene at one scale, one for each options, in tiles if it must.

    What runs out of memory is tried again with tiles of half the side.
    """

    def __init__(
        self,
        scene: Scene,
        scale: Scale,
        several: Sequence[Options],
        tile_side: int | None,
        between_tiles: Callable[[], None],
    ) -> None:
        self._scene, self._scale, self._several = scene, scale, several
        self._tile_side, self._between_tiles = tile_side, between_tiles
        self._objectives: list[Objective] = []

    @property
    def terms(self) -> tuple[Term, ...]:
        """What `Evaluation.terms` are, once there was an evaluation."""
        return self._objectives[0].terms

    @property
    def can_be_recorded(self) -> bool:
        """Whether an evaluation is the same kernels every time: on CUDA, of the whole picture."""
        return self._scene.photograph.device.type == "cuda" and self._tile_side is None

    def reweigh(self, several: Sequence[Options]) -> None:
        """From here on with the weights of these options."""
        self._several, self._objectives = several, []

    def __call__(self, positions: Sequence[Tensor]) -> list[Evaluation]:
        """Each objective at its picture, (3·H·W).

        Raises:
            MemoryError: not even the smallest tiles fit.
        """
        while True:
            try:
                return self._evaluated(positions)
            except (MemoryError, torch.OutOfMemoryError):
                if _is_recorded():  # what was tried so far would be replayed too
                    raise
            except RuntimeError as error:  # the processor's allocator has no type of its own
                if "can't allocate memory" not in str(error):
                    raise
            self._take_smaller_tiles()

    def _evaluated(self, positions: Sequence[Tensor]) -> list[Evaluation]:
        if not self._objectives:
            with interruptible(self._between_tiles):
                self._objectives = [
                    self._scene.objective(self._scale, options, self._tile_side)
                    for options in self._several
                ]
        images = torch.stack(list(positions)).view(-1, 3, *self._scale.size)
        return evaluate(self._objectives, images, self._tile_side, self._between_tiles)

    def _take_smaller_tiles(self) -> None:
        side = self._tile_side or self._scale.longest_side
        if side <= SMALLEST_TILE:
            raise MemoryError("Not even the smallest tiles fit into the memory.")
        self._tile_side = max(SMALLEST_TILE, GRID * (side // 2 // GRID))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _is_recorded() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
