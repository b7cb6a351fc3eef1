"""Neural style transfer: the pixels of one picture, optimised against the features of others.

Gatys, Ecker, Bethge, "A Neural Algorithm of Artistic Style" (2015) and "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016); coarse to fine as in "Controlling Perceptual Factors in
Neural Style Transfer" (CVPR 2017).
"""

import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial

import torch
from torch import Tensor

from pastiche.engine.allocator import give_back_freed_memory
from pastiche.engine.backbones import BackboneSource, choose_backbone
from pastiche.engine.checkpoint import Checkpoint, check_alike, digest_of
from pastiche.engine.evaluator import Evaluator
from pastiche.engine.inputs import Inputs
from pastiche.engine.interruption import interruptible
from pastiche.engine.iteration import Iteration
from pastiche.engine.painting import Painting
from pastiche.engine.precision import best_device
from pastiche.engine.progress import Progress
from pastiche.engine.room import room_for
from pastiche.engine.scene import Scene
from pastiche.engine.scenes import Scenes
from pastiche.option_warnings import PasticheWarning, find_warnings
from pastiche.options import Options
from pastiche.pyramid import scales


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
        OptionError: an image of another shape or range, images and options that do not go
            together, or a layer that the backbone does not have; it names the image or the option.
        MissingWeights: a pretrained backbone is asked for and its weights are not there.
        Diverged: the objective ran off.

    Warns:
        PasticheWarning: an option has no effect, or an image has fewer pixels than it should.
    """
    options = options or Options()
    styles = (style,) if isinstance(style, Tensor) else tuple(style)
    inputs = Inputs(content, styles, tuple(masks), tuple(style_masks), start_image, content_map)
    inputs = inputs.checked(options)
    for warning in find_warnings(options, *inputs.sizes):
        warnings.warn(warning.detail, PasticheWarning, stacklevel=2)
    painting = paint(inputs, options, backbone=backbone, device=device)
    return followed(painting, watch or (lambda progress: None))


def followed(
    painting: Generator[Progress, Command | None, Tensor], watch: Callable[[Progress], None]
) -> Tensor:
    """What a painting gives in the end; `watch` is called after every iteration."""
    while True:
        try:
            progress = next(painting)
        except StopIteration as end:
            picture: Tensor = end.value
            return picture
        watch(progress)


def paint(
    inputs: Inputs,
    options: Options | None = None,
    *,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    resume: Checkpoint | None = None,
    memory: int | None = None,
    between_tiles: Callable[[], None] = lambda: None,
    scenes: Scenes | None = None,
) -> Generator[Progress, Command | None, Tensor]:
    """`stylize`, an iteration at a time: yields its progress, returns the pastiche.

    It may be sent a `Stop`: then the picture as it stands is returned, in its full size; or a
    `Reweigh`: then it goes on with other weights. It may also be closed, at any iteration, and
    taken up again from a checkpoint of that iteration.

    Args:
        resume: where it was taken out.
        memory: how many bytes it may take; what the device has free where it is None. A picture
            that does not fit is painted in tiles, with a shorter history of L-BFGS if it must.
        between_tiles: called after each tile, and between the steps that prepare the network and
            its targets; an exception of its own ends the painting.
        scenes: what is known of images from paintings before this one.

    Raises:
        MemoryError: not even the smallest tiles fit.
    """
    options = options or Options()
    inputs = inputs.checked(options)
    if resume is not None:
        resume.check(inputs, options)
    images, inputs = cache(partial(digest_of, inputs)), inputs.to(device or best_device())
    source = backbone or choose_backbone(options.backbone)
    options.check_layers(source.name)
    with interruptible(between_tiles):
        scene = (scenes or Scene).of(inputs, options, source)
    give_back_freed_memory()  # else what the fit has freed counts as taken
    room = room_for(
        options,
        source.shares,
        inputs.content.device,
        memory,
        passing=_passing_bytes(resume, inputs),
    )
    plan = scales(*scene.size, options)
    painting = Painting(scene, plan, options, images, resume)
    remaining = plan[resume.place.scale if resume else 0 :]
    resume = None  # its state is the painting's own by now, and as large
    for scale in remaining:
        give_back_freed_memory()  # what one scale leaves has gaps that the next one's does not fit
        fit = room.fit(scale.size, options)
        objective = Evaluator(scene, scale, [painting.options], fit.tile_side, between_tiles)
        painting.begin(scale, fit.history)
        iterate = Iteration(objective, [painting])
        while not painting.scale_is_over:
            iterate()
            command = yield painting.progress()
            if isinstance(command, Stop):
                return painting.finished()
            if isinstance(command, Reweigh):
                painting.reweigh(command.applied(painting.options))
                objective.reweigh([painting.options])
                iterate.forget()
        painting.end()
    return painting.finished()


def _passing_bytes(resume: Checkpoint | None, inputs: Inputs) -> int:
    """What a checkpoint holds of the device's memory, and gives back once it is taken up."""
    if resume is None or resume.state.position.device != inputs.content.device:
        return 0
    return resume.size_bytes


def paint_together(
    inputs: Inputs,
    several: Sequence[Options],
    *,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    memory: int | None = None,
    between_tiles: Callable[[], None] = lambda: None,
    scenes: Scenes | None = None,
) -> Generator[tuple[Progress, ...], None, list[Tensor]]:
    """Several pastiches of the same images, an iteration of all of them at a time.

    They share the network and its targets, and it looks at all of them at once; each has its own
    optimiser. Where a scale ends early it ends when it would for each of them.

    Args:
        several: options that differ in their weights and seeds alone; the rest as for `paint`.

    Raises:
        OptionError: they differ in more.
    """
    first, *others = several
    for other in others:
        check_alike(first, other)
    inputs = inputs.checked(first)
    images, inputs = cache(partial(digest_of, inputs)), inputs.to(device or best_device())
    source = backbone or choose_backbone(first.backbone)
    first.check_layers(source.name)
    with interruptible(between_tiles):
        scene = (scenes or Scene).of(inputs, first, source)
    give_back_freed_memory()
    room = room_for(first, source.shares, inputs.content.device, memory)
    plan = scales(*scene.size, first)
    paintings = [Painting(scene, plan, options, images) for options in several]
    for scale in plan:
        give_back_freed_memory()
        fit = room.fit(scale.size, first, pictures=len(paintings))
        objective = Evaluator(scene, scale, several, fit.tile_side, between_tiles)
        for painting in paintings:
            painting.begin(scale, fit.history)
        iterate = Iteration(objective, paintings)
        while not all(painting.scale_is_over for painting in paintings):
            iterate()
            yield tuple(painting.progress() for painting in paintings)
        for painting in paintings:
            painting.end()
    return [painting.finished() for painting in paintings]
