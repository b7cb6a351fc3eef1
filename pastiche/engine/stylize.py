"""Neural style transfer: the pixels of one picture, optimised against the features of two others.

Gatys, Ecker, Bethge, "A Neural Algorithm of Artistic Style" (2015) and "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016); coarse to fine as in "Controlling Perceptual Factors in
Neural Style Transfer" (CVPR 2017).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.engine import lbfgs
from pastiche.engine.backbone import Backbone
from pastiche.engine.backbones import BackboneSource, choose_backbone
from pastiche.engine.color import recoloured
from pastiche.engine.images import checked, fitted, resize, resize_picture
from pastiche.engine.objective import Objective, Targets, Weights
from pastiche.engine.precision import best_device, convolution_dtype
from pastiche.engine.progress import Progress, Tally
from pastiche.engine.pyramid import Scale, scales
from pastiche.options import Options

CONTENT_UNIT, STYLE_UNIT, TV_UNIT, GAMUT_WEIGHT = 36.0, 15.0, 15.0, 1e4
"""What weights of 1 stand for: with them the default look is at content 0.5, style 0.5, TV 1."""

START_NOISE = 0.1
"""The standard deviation of the noise on the start: it fills plain skies for 1 % of the loss."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Sent to `paint`: no more iterations, the picture as it stands is the pastiche."""


Command = Stop
"""What may be sent to `paint`."""


def stylize(
    content: Tensor,
    style: Tensor,
    options: Options | None = None,
    *,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Tensor:
    """The content image, painted in the style of the style image.

    Args:
        content: (1, 3, H, W) in 0 to 1, the content image p.
        style: (1, 3, H', W') in 0 to 1, the style image a.
        options: what is asked for; the defaults where it is None.
        backbone: the network; where it is None, the one that the options choose.
        device: where to paint; a CUDA card where there is one.
        watch: called after every iteration; an exception of its own ends the painting.

    Returns:
        The pastiche, (1, 3, h, w) in 0 to 1 on the CPU, with the content image's aspect ratio and
        `options.size` as its longest side.

    Raises:
        ValueError: an image of another shape or range; it is named.
        MissingWeights: `imagenet` is asked for and its weights are not there.
        Diverged: the objective ran off.
    """
    painting = paint(content, style, options, backbone=backbone, device=device)
    while True:
        try:
            progress = next(painting)
        except StopIteration as end:
            picture: Tensor = end.value
            return picture
        if watch is not None:
            watch(progress)


def paint(
    content: Tensor,
    style: Tensor,
    options: Options | None = None,
    *,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
) -> Generator[Progress, Command | None, Tensor]:
    """`stylize`, an iteration at a time: yields its progress, returns the pastiche.

    It may be sent a `Stop`: then the picture as it stands is returned, in its full size. It may
    also be closed, at any iteration.
    """
    options = options or Options()
    device = device or best_device()
    content = checked(content, "content").to(device)
    style = checked(style, "style").to(device)
    source = backbone or choose_backbone(options.backbone)
    network = source.network(content, style).to(device, convolution_dtype(device))
    if not network.knows_colour:
        content = recoloured(content, style, _palette_share(options))

    height, width = content.shape[-2:]
    plan = scales(height, width, options.size, options.iterations)
    x = _start(content, plan[0], options)
    tally = Tally(plan)
    command: Command | None = None
    for scale in plan:
        x = resize(x, scale.size)
        if isinstance(command, Stop):
            continue
        objective = _objective(content, style, scale, network, options)
        state = lbfgs.begin(x.flatten())
        for _ in range(scale.iterations):
            evaluation = objective(state.position.view_as(x))
            state = lbfgs.step(state, evaluation.value, evaluation.gradient.flatten())
            command = yield tally.one_more(evaluation.terms, state.accepted.view_as(x))
            if isinstance(command, Stop):
                break
        x = state.accepted.view_as(x)
    return x.clamp(0, 1).cpu()


def _palette_share(options: Options) -> float:
    """How much of the style's palette the content image gets: all of it where α ≤ β, 0 at β = 0."""
    both = options.content_weight + options.style_weight
    return min(1.0, 2.0 * options.style_weight / both)


def _start(content: Tensor, coarsest: Scale, options: Options) -> Tensor:
    """The first picture, (1, 3, h, w): the content image, noise, or grey, with a little noise."""
    image = resize_picture(content, coarsest.size)
    generator = torch.Generator().manual_seed(options.seed)
    noise = torch.randn(image.shape, generator=generator).to(image)
    if options.start == "noise":
        return 0.5 + 0.25 * noise
    return (torch.full_like(image, 0.5) if options.start == "grey" else image) + START_NOISE * noise


def _objective(
    content: Tensor, style: Tensor, scale: Scale, network: Backbone, options: Options
) -> Objective:
    """The objective at one scale, with both images at that size."""
    painted = _reduced(style, scale.longest_side)
    targets = Targets.of(resize_picture(content, scale.size), painted, network)
    weights = Weights(
        content=CONTENT_UNIT * options.content_weight,
        style=STYLE_UNIT * options.style_weight,
        tv=TV_UNIT * options.tv_weight,
        gamut=GAMUT_WEIGHT,
    )
    return Objective(network, targets, weights)


def _reduced(style: Tensor, longest_side: int) -> Tensor:
    """The style image with this longest side, never above its own pixels."""
    height, width = style.shape[-2:]
    return resize_picture(style, fitted(height, width, min(longest_side, max(height, width))))
