"""One pastiche on its way: its pixels, its optimiser, and how far it is."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from pastiche.engine import adam, optimiser
from pastiche.engine.checkpoint import Checkpoint, Place
from pastiche.engine.images import resize
from pastiche.engine.objective import Term
from pastiche.engine.progress import Progress, Tally
from pastiche.engine.scene import Scene
from pastiche.options import Options
from pastiche.pyramid import Scale


class Painting:
    """What changes while a pastiche is painted, from the coarsest scale, or from a checkpoint.

    Args:
        images: gives what tells the images that it is made from; asked for checkpoints alone.
    """

    def __init__(
        self,
        scene: Scene,
        plan: list[Scale],
        options: Options,
        images: Callable[[], str],
        resume: Checkpoint | None = None,
    ) -> None:
        self.scene, self.plan, self.options, self._images = scene, plan, options, images
        self._state: optimiser.State | None = None
        self._carried: adam.State | None = None
        self._image = scene.start(plan[0].size, options)
        self._tally = Tally(plan, options.stall_tolerance, Place())
        if resume is not None:
            self._state = resume.state.copy(scene.photograph.device)
            self.options = resume.options
            self._tally = Tally(plan, options.stall_tolerance, resume.place)

    @property
    def state(self) -> optimiser.State:
        """Where its optimiser stands, once a scale was begun."""
        assert self._state is not None
        return self._state

    @property
    def scale_is_over(self) -> bool:
        """Whether the iterations of this scale are done, or no longer lower the objective."""
        return self._tally.scale_is_over

    def begin(self, scale: Scale, history: int) -> None:
        """Begins a scale, unless it was taken up in the middle of one."""
        if self._state is None:
            start, place = self._image, self._tally.place
            if place.scale:
                start = self.scene.enlarged(start, scale.size, self.options, place.scale)
            before = self._image.shape

            def enlarged(values: Tensor) -> Tensor:
                return resize(values.view(before), scale.size).flatten()

            self._state = optimiser.begin(
                start.flatten(), self.options, history, self.scene.axes, self._carried, enlarged
            )
            self._carried = None
        self._image = self._state.accepted.view(1, 3, *scale.size)

    def advance(self, state: optimiser.State, terms: tuple[Term, ...], values: Tensor) -> None:
        """One iteration was done: where the optimiser stands now, and what the terms were."""
        self._state = state
        self._tally.count(terms, values)
        self._image = state.accepted.view_as(self._image)

    def end(self) -> None:
        """Ends a scale."""
        self._carried = optimiser.carried_over(self.state)
        self._state = None
        self._tally.next_scale()

    def reweigh(self, options: Options) -> None:
        """From here on with the weights of these options."""
        self.options, self._state = options, self.state.forget()
        self._tally.forget()

    def progress(self) -> Progress:
        """What is told of the newest iteration."""
        return self._tally.progress(
            picture=partial(self.scene.finished, self._image, self.options),
            checkpoint=lambda: self._checkpoint(self.state.copy()),
            save=lambda file: self._checkpoint(self.state).save(file),
        )

    def finished(self) -> Tensor:
        """The picture as it stands, in its full size, (1, 3, H, W) in 0 to 1 on the CPU."""
        return self.scene.finished(resize(self._image, self.plan[-1].size), self.options)

    def _checkpoint(self, state: optimiser.State) -> Checkpoint:
        return Checkpoint(self._tally.place, state, self.options, self._images())
