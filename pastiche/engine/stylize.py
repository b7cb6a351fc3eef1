"""Neural style transfer: optimises the pixels of one picture to match the features of others.

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
    backbone: BackboneSource | str | None = None,
    device: torch.device | str | None = None,
    progress: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    **values: Any,
) -> Image.Image:
    """Paints the content image in the style of one or several style images:
    `stylize("me.jpg", "monet.jpg", size=512, progress=True).save("out.png")`.

    Args:
        content: the photograph: a path, the bytes of a file, an open file, a Pillow picture, an
            array or a tensor.
        style: the painting, or a list of up to eight.
        options: the defaults if it is None.
        preset: a named set of option values, instead of `options`: `"draft"`, `"standard"`,
            `"fine"`, `"paper"` or `"neural-style"`.
        masks: one for each style, over the content image: the style is painted where its mask is
            white. A mask may have another size, but must have the same aspect ratio.
        style_masks: one for each style: the style image counts only where its mask is white.
        start_image: what to start from, for `start="image"`.
        content_map: how much the content image counts at each place, from black to white.
        backbone: the network, or its name, which overrides that in the options. If it is None, the
            options choose it.
        device: where to paint, such as `"cuda:1"`. If it is None, CUDA if available, else the CPU.
        progress: whether to show a progress bar, in a terminal or a notebook. This needs rich.
        on_progress: called after every iteration. An exception that it raises ends the run.
        values: options by name. They override those in `options` or in the preset.

    Returns:
        The pastiche, with the content image's aspect ratio and `options.size` as its longest side:
        RGB, or RGBA if the content image is transparent and `keep_transparency` is on.

    Raises:
        UnreadablePicture: a picture cannot be read; the message says which, and why.
        OptionError: an option does not exist, a value is invalid, the images do not fit the
            options, or the backbone does not have a layer. The error names the image or the option.
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
    backbone: BackboneSource | str | None = None,
    device: torch.device | str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Tensor:
    """`stylize` for tensors. Their values are not rounded to 8 bits.

    Args:
        content: (1, 3, H, W) in 0 to 1, the content image p.
        style: (1, 3, H', W') in 0 to 1, the style image a, or a sequence of up to eight.
        masks: (1, 1, H, W) in 0 to 1 each.
        style_masks: (1, 1, H', W') in 0 to 1 each.
        start_image: (1, 3, H, W) in 0 to 1.
        content_map: (1, 1, H, W) in 0 to 1, the factor of the content loss at each place.

    Returns:
        (1, 3, h, w) in 0 to 1 on the CPU.

    Raises:
        OptionError: also if a tensor has the wrong shape or range.
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
    """Reads one picture, or each of a list. In messages, several are numbered from 1."""
    several = sources if isinstance(sources, list | tuple) else (sources,)
    names = [f"{name} {number}" for number in range(1, 1 + len(several))]
    return tuple(map(read, several, names if len(several) > 1 else (name,)))


@contextmanager
def _report_to(
    on_progress: Callable[[Progress], None] | None, has_bar: bool
) -> Iterator[Callable[[Progress], None] | None]:
    """The function to call after every iteration, for the caller and for the progress bar."""
    if not has_bar:
        yield on_progress
        return
    from pastiche.progress_bar import ProgressBar  # needs rich, which may not be installed

    with ProgressBar() as bar:

        def report(progress: Progress) -> None:
            bar.update(progress)
            if on_progress is not None:
                on_progress(progress)

        yield report


def _paint(
    inputs: Inputs,
    options: Options,
    backbone: BackboneSource | str | None,
    device: torch.device | str | None,
    on_progress: Callable[[Progress], None] | None,
) -> Tensor:
    with torch.inference_mode(mode=False):  # images are made differently in inference mode
        inputs = inputs.checked(options)
        for warning in find_warnings(options, *inputs.sizes):
            warnings.warn(warning.detail, PasticheWarning, stacklevel=3)
        run = Run(inputs, options, backbone=backbone, device=device)
        for progress in run:
            if on_progress is not None:
                on_progress(progress)
        return run.picture()
