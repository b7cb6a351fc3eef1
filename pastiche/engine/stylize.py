"""Neural style transfer: the pixels of one picture, optimised against the features of others.

Gatys, Ecker, Bethge, "A Neural Algorithm of Artistic Style" (2015) and "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016); coarse to fine as in "Controlling Perceptual Factors in
Neural Style Transfer" (CVPR 2017).
"""

import warnings
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from pastiche.engine.backbone_sources import BackboneSource
from pastiche.engine.images import from_pil, read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs
from pastiche.engine.progress import Progress
from pastiche.engine.run import Run
from pastiche.option_warnings import PasticheWarning, find_warnings
from pastiche.options import Options
from pastiche.pictures import AnySource, apply_transparency, read_picture


def stylize(
    content: AnySource,
    style: AnySource | Sequence[AnySource],
    options: Options | None = None,
    *,
    masks: Sequence[AnySource] = (),
    style_masks: Sequence[AnySource] = (),
    start_image: AnySource | None = None,
    content_map: AnySource | None = None,
    backbone: BackboneSource | None = None,
    device: torch.device | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Image.Image:
    """The content image, painted in the style of the style image, or of several:
    `stylize("me.jpg", "monet.jpg").save("out.png")`.

    Args:
        content: the photograph: a path, the bytes of a file, an open file, a Pillow picture, an
            array or a tensor.
        style: the painting, or a list of up to eight.
        options: the defaults where it is None.
        masks: over the content image, one for each style: it is painted where its mask is white.
            A mask may have another size, not another aspect ratio.
        style_masks: one for each style: only where its mask is white the style image counts.
        start_image: what to start from, for `start="image"`.
        content_map: how much the content image counts at each place, from black to white.
        backbone: the network; where it is None, the one that the options choose.
        device: where to paint; CUDA where it is available.
        on_progress: called after every iteration; an exception that it raises ends the run.

    Returns:
        The pastiche, with the content image's aspect ratio and `options.size` as its longest side:
        RGB, or RGBA where the content image is transparent and `keep_transparency` is on.

    Raises:
        UnreadablePicture: a picture cannot be read; the message says which, and why.
        OptionError: images and options that do not go together, or a layer that the backbone does
            not have; it names the image or the option.
        MissingWeights: the weights of a pretrained backbone are missing.
        MemoryError: there is not enough memory, even in the smallest tiles.
        Diverged: the objective is no longer a finite number.

    Warns:
        PasticheWarning: an option has no effect, or an image has fewer pixels than it should.
    """
    options = options or Options()
    photograph = read_picture(content, "The content image")
    styles = style if isinstance(style, list | tuple) else (style,)
    inputs = Inputs(
        content=from_pil(photograph),
        styles=tuple(read_image(each, "The style image") for each in styles),
        masks=tuple(read_mask(each, "The mask") for each in masks),
        style_masks=tuple(read_mask(each, "The style mask") for each in style_masks),
        start=None if start_image is None else read_image(start_image, "The start image"),
        content_map=None if content_map is None else read_mask(content_map, "The content map"),
    )
    picture = to_pil(_paint(inputs, options, backbone, device, on_progress))
    return apply_transparency(picture, photograph) if options.keep_transparency else picture


def stylize_tensors(
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
    on_progress: Callable[[Progress], None] | None = None,
) -> Tensor:
    """`stylize` of tensors, whose values are not rounded to 8 bits on the way.

    Args:
        content: (1, 3, H, W) in 0 to 1, the content image p.
        style: (1, 3, H', W') in 0 to 1, the style image a; or up to eight of them.
        masks: (1, 1, H, W) in 0 to 1 each.
        style_masks: (1, 1, H', W') in 0 to 1 each.
        start_image: (1, 3, H, W) in 0 to 1.
        content_map: (1, 1, H, W) in 0 to 1, what the content loss is multiplied by at each place.

    Returns:
        (1, 3, h, w) in 0 to 1 on the CPU.

    Raises:
        OptionError: also for a tensor of another shape or range.
    """
    styles = (style,) if isinstance(style, Tensor) else tuple(style)
    inputs = Inputs(content, styles, tuple(masks), tuple(style_masks), start_image, content_map)
    return _paint(inputs, options or Options(), backbone, device, on_progress)


def _paint(
    inputs: Inputs,
    options: Options,
    backbone: BackboneSource | None,
    device: torch.device | None,
    on_progress: Callable[[Progress], None] | None,
) -> Tensor:
    inputs = inputs.checked(options)
    for warning in find_warnings(options, *inputs.sizes):
        warnings.warn(warning.detail, PasticheWarning, stacklevel=3)
    run = Run(inputs, options, backbone=backbone, device=device)
    for progress in run:
        if on_progress is not None:
            on_progress(progress)
    return run.picture()
