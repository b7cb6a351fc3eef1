"""Neural style transfer: the pixels of one picture, optimised against the features of others.

Gatys, Ecker, Bethge, "A Neural Algorithm of Artistic Style" (2015) and "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016); coarse to fine as in "Controlling Perceptual Factors in
Neural Style Transfer" (CVPR 2017).
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor

from pastiche.engine import optimiser
from pastiche.engine.backbones import BackboneSource, choose_backbone
from pastiche.engine.checkpoint import Checkpoint, Place, shapes_of
from pastiche.engine.images import resize
from pastiche.engine.inputs import Inputs
from pastiche.engine.precision import best_device
from pastiche.engine.progress import Progress, Tally
from pastiche.engine.pyramid import scales
from pastiche.engine.scene import Scene
from pastiche.options import Options


@dataclass(frozen=True, slots=True)
class Stop:
    """Sent to `paint`: no more iterations, the picture as it stands is the pastiche."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reweigh:
    """Sent to `paint`: from here on with these weights; None leaves one as it is."""

    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None

    def applied(self, options: Options) -> Options:
        """The options with these weights.

        Raises:
            OptionError: a weight out of its range, or none that is above 0.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(options, **{name: v for name, v in values.items() if v is not None})


Command = Stop | Reweigh
"""What may be sent to `paint`."""


def stylize(
    content: Tensor,
    style: Tensor | Sequence[Tensor],
    options: Options | None = None,
    *,
    masks: Sequence[Tensor] = (),
    style_masks: Sequence[Tensor] = (),
    start_image: Tensor | None = None,
    content_map: Tensor | None = None,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Tensor:
    """The content image, painted in the style of the style image, or of several.

    Args:
        content: (1, 3, H, W) in 0 to 1, the content image p.
        style: (1, 3, H', W') in 0 to 1, the style image a; or up to eight of them.
        options: what is asked for; the defaults where it is None.
        masks: (1, 1, H, W) in 0 to 1 over the content image, one for each style: it is painted
            where its mask is 1. A mask may have another size, not another aspect ratio.
        style_masks: (1, 1, H', W') in 0 to 1, one for each style: only where its mask is 1 the
            style image counts.
        start_image: (1, 3, H, W) in 0 to 1, for `start="image"`.
        content_map: (1, 1, H, W) in 0 to 1, what each place's content loss is multiplied with.
        backbone: the network; where it is None, the one that the options choose.
        device: where to paint; a CUDA card where there is one.
        watch: called after every iteration; an exception of its own ends the painting.

    Returns:
        The pastiche, (1, 3, h, w) in 0 to 1 on the CPU, with the content image's aspect ratio and
        `options.size` as its longest side.

    Raises:
        OptionError: an image of another shape or range, or images and options that do not go
            together; it names the image or the option.
        MissingWeights: a pretrained backbone is asked for and its weights are not there.
        Diverged: the objective ran off.
    """
    styles = (style,) if isinstance(style, Tensor) else tuple(style)
    inputs = Inputs(content, styles, tuple(masks), tuple(style_masks), start_image, content_map)
    painting = paint(inputs, options, backbone=backbone, device=device)
    while True:
        try:
            progress = next(painting)
        except StopIteration as end:
            picture: Tensor = end.value
            return picture
        if watch is not None:
            watch(progress)


def paint(
    inputs: Inputs,
    options: Options | None = None,
    *,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    resume: Checkpoint | None = None,
) -> Generator[Progress, Command | None, Tensor]:
    """`stylize`, an iteration at a time: yields its progress, returns the pastiche.

    It may be sent a `Stop`: then the picture as it stands is returned, in its full size; or a
    `Reweigh`: then it goes on with other weights. It may also be closed, at any iteration, and
    taken up again from a checkpoint of that iteration.
    """
    options = options or Options()
    inputs = inputs.checked(options).to(device or best_device())
    height, width = inputs.content.shape[-2:]
    plan = scales(height, width, options)
    place, state = Place(), None
    if resume is not None:
        resume.check(inputs, options)
        place, state, options = resume.place, resume.state.copy(), resume.options
    scene = Scene.of(inputs, options, backbone or choose_backbone(options.backbone))
    tally = Tally(plan, options.stall_tolerance, place)
    x = scene.start(plan[0].size, options)
    for scale in plan[place.scale :]:
        shape = (1, 3, *scale.size)
        objective = scene.objective(scale, options)
        state = state or optimiser.begin(resize(x, scale.size).flatten(), options)
        while not tally.scale_is_over:
            evaluation = objective(state.position.view(shape))
            state = state.step(evaluation.value, evaluation.gradient.flatten())
            tally.count(objective.terms, evaluation.terms)
            x = state.accepted.view(shape)
            command = yield tally.progress(
                picture=partial(scene.finished, x, options),
                checkpoint=partial(_checkpoint, tally.place, state, options, inputs),
            )
            if isinstance(command, Stop):
                return scene.finished(resize(x, plan[-1].size), options)
            if isinstance(command, Reweigh):
                options = command.applied(options)
                objective, state = scene.objective(scale, options), state.forget()
                tally.forget()
        x, state = state.accepted.view(shape), None
        tally.next_scale()
    return scene.finished(x, options)


def _checkpoint(
    place: Place, state: optimiser.State, options: Options, inputs: Inputs
) -> Checkpoint:
    return Checkpoint(place, state.copy(), options, shapes_of(inputs))
