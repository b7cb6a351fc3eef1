"""Neural style transfer: the pixels of one picture, optimised against the features of others.

Gatys, Ecker, Bethge, "A Neural Algorithm of Artistic Style" (2015) and "Image Style Transfer Using
Convolutional Neural Networks" (CVPR 2016); coarse to fine as in "Controlling Perceptual Factors in
Neural Style Transfer" (CVPR 2017). `pastiche.engine.run` does the same step by step.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from pastiche.engine.backbone import BackboneSource
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs
from pastiche.engine.progress import Progress
from pastiche.engine.run import Run
from pastiche.option_warnings import PasticheWarning, find_warnings
from pastiche.options import OptionError, Options, update_options
from pastiche.pictures import AnySource, apply_transparency, read_picture
from pastiche.presets import Preset
from pastiche.presets import preset as preset_options


def stylize(
    content: AnySource,
    style: AnySource | Sequence[AnySource],
    options: Options | None = None,
    *,
    preset: Preset | None = None,
    masks: AnySource | Sequence[AnySource] = (),
    style_masks: AnySource | Sequence[AnySource] = (),
    start_image: AnySource | None = None,
    content_map: AnySource | None = None,
    backbone: BackboneSource | None = None,
    device: torch.device | str | None = None,
    progress: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    **values: Any,
) -> Image.Image:
    """The content image, painted in the style of the style image, or of several:
    `stylize("me.jpg", "monet.jpg", size=512, progress=True).save("out.png")`.

    Args:
        content: the photograph: a path, the bytes of a file, an open file, a Pillow picture, an
            array or a tensor.
        style: the painting, or a list of up to eight.
        options: the defaults where it is None.
        preset: named values of options, instead of `options`: `"draft"`, `"standard"`, `"fine"`,
            `"paper"` or `"neural-style"`.
        masks: over the content image, one for each style: it is painted where its mask is white.
            A mask may have another size, not another aspect ratio.
        style_masks: one for each style: only where its mask is white the style image counts.
        start_image: what to start from, for `start="image"`.
        content_map: how much the content image counts at each place, from black to white.
        backbone: the network; where it is None, the one that the options choose.
        device: where to paint, as `"cuda:1"`; CUDA where it is None and available.
        progress: whether a progress bar is shown, in a terminal or a notebook; it needs rich.
        on_progress: called after every iteration; an exception that it raises ends the run.
        values: of options by their names, instead of those in `options` or of the preset.

    Returns:
        The pastiche, with the content image's aspect ratio and `options.size` as its longest side:
        RGB, or RGBA where the content image is transparent and `keep_transparency` is on.

    Raises:
        UnreadablePicture: a picture cannot be read; the message says which, and why.
        OptionError: an option that does not exist or a value that is invalid, images and options
            that do not go together, or a layer that the backbone does
            not have; it names the image or the option.
        MissingWeights: the weights of a pretrained backbone are missing.
        MemoryError: there is not enough memory, even in the smallest tiles.
        Diverged: the objective is no longer a finite number.

    Warns:
        PasticheWarning: an option has no effect, or an image has fewer pixels than it should.
    """
    options = _choose_options(options, preset, values)
    photograph = read_picture(content, "The content image")
    inputs = Inputs(
        content=read_image(photograph),
        styles=_read_several(style, "The style image", read_image),
        masks=_read_several(masks, "The mask", read_mask),
        style_masks=_read_several(style_masks, "The style mask", read_mask),
        start=None if start_image is None else read_image(start_image, "The start image"),
        content_map=None if content_map is None else read_mask(content_map, "The content map"),
    )
    with _report_to(on_progress, progress) as report:
        picture = to_pil(_paint(inputs, options, backbone, device, report))
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
    device: torch.device | str | None = None,
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


def _choose_options(
    options: Options | None, preset: Preset | None, values: Mapping[str, Any]
) -> Options:
    if preset is None:
        return update_options(options or Options(), values)
    if options is not None:
        raise OptionError("preset", "cannot be combined with options: pass one of them.")
    return preset_options(preset, **values)


def _read_several(
    sources: AnySource | Sequence[AnySource], name: str, read: Callable[[AnySource, str], Tensor]
) -> tuple[Tensor, ...]:
    """One picture, or each of a list; they are numbered from 1 where there are several."""
    several = sources if isinstance(sources, list | tuple) else (sources,)
    names = [f"{name} {number}" for number in range(1, 1 + len(several))]
    return tuple(map(read, several, names if len(several) > 1 else (name,)))


@contextmanager
def _report_to(
    on_progress: Callable[[Progress], None] | None, has_bar: bool
) -> Iterator[Callable[[Progress], None] | None]:
    """What is called after every iteration: the caller's function, and the progress bar's."""
    if not has_bar:
        yield on_progress
        return
    from pastiche.progress_bar import ProgressBar  # needs rich, which not everybody has

    with ProgressBar() as bar:

        def report(progress: Progress) -> None:
            bar.update(progress)
            if on_progress is not None:
                on_progress(progress)

        yield report


def _paint(
    inputs: Inputs,
    options: Options,
    backbone: BackboneSource | None,
    device: torch.device | str | None,
    on_progress: Callable[[Progress], None] | None,
) -> Tensor:
    with torch.inference_mode(mode=False):  # images of the caller's would be of its mode
        inputs = inputs.checked(options)
        for warning in find_warnings(options, *inputs.sizes):
            warnings.warn(warning.detail, PasticheWarning, stacklevel=3)
        run = Run(inputs, options, backbone=backbone, device=device)
        for progress in run:
            if on_progress is not None:
                on_progress(progress)
        return run.picture()
