"""The images that a pastiche is made from: checked, and recoloured for painting."""

from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from pastiche.engine.colour import (
    luminance,
    match_colours,
    match_luminance,
    match_palettes,
    sample_colours,
)
from pastiche.engine.guidance import blend_shares, pixel_shares
from pastiche.engine.images import resize_picture
from pastiche.options import OptionError, Options
from pastiche.sizes import same_aspect

MIN_MASK = 0.5
"""The least maximum of a mask, in 0 to 1: a darker mask is not visibly white."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Pictures, (1, 3, H, W), and masks, (1, 1, H, W), all float32 in 0 to 1.

    Attributes:
        content: the content image p.
        styles: the style images a.
        masks: where in the content image each style is painted; none, or one for each style.
        style_masks: which part of each style image counts; none, or one for each style.
        start: the image that the optimisation starts from, if one is given.
        content_map: how much each pixel of the content image counts.
    """

    content: Tensor
    styles: tuple[Tensor, ...]
    masks: tuple[Tensor, ...] = ()
    style_masks: tuple[Tensor, ...] = ()
    start: Tensor | None = None
    content_map: Tensor | None = None

    @property
    def sizes(self) -> tuple[tuple[int, int], list[tuple[int, int]]]:
        """(H, W) of the content image, and of each style image."""
        height, width = self.content.shape[-2:]
        return (height, width), [(style.shape[-2], style.shape[-1]) for style in self.styles]

    def checked(self, options: Options) -> "Inputs":
        """The same images, with every mask at the size of its image.

        Raises:
            OptionError: an image has the wrong shape or range, a mask or a start has another aspect
                ratio than its image, a mask is too dark, or the images do not fit the options.
        """
        options.check_images(
            styles=len(self.styles),
            masks=len(self.masks),
            style_masks=len(self.style_masks),
            start_image=self.start is not None,
        )
        content = _check_image(self.content, "content")
        styles = tuple(_check_image(style, "style") for style in self.styles)
        start = self.start
        if start is not None:
            start = _check_image(start, "start_image")
            _check_aspect(start, content, "start_image")
        content_map = self.content_map
        return Inputs(
            content=content,
            styles=styles,
            masks=tuple(_check_mask(mask, content, "mask") for mask in self.masks),
            style_masks=tuple(
                _check_mask(mask, style, "style_mask")
                for mask, style in zip(self.style_masks, styles, strict=False)
            ),
            start=start,
            content_map=None
            if content_map is None
            else _check_mask(content_map, content, "content_map", may_be_dark=True),
        )

    def digest(self) -> str:
        """A hash of the sizes and pixels of the images."""
        digest = blake2b(digest_size=16)
        for each in fields(self):
            value = getattr(self, each.name)
            for image in value if isinstance(value, tuple) else (value,):
                shape = None if image is None else tuple(image.shape)
                digest.update(f"{each.name} {shape}".encode())
                if image is not None:
                    digest.update(image.cpu().contiguous().numpy())
        return digest.hexdigest()

    def copy(self, device: torch.device) -> "Inputs":
        """The same images in new memory on a device."""

        def copied(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(copied, value))
            return None if value is None else value.to(device, copy=True)

        return Inputs(*(copied(getattr(self, each.name)) for each in fields(self)))

    def styles_and_masks(self) -> list[tuple[Tensor, Tensor | None]]:
        """Each style image with its mask."""
        masks = self.style_masks or (None,) * len(self.styles)
        return list(zip(self.styles, masks, strict=True))

    def palettes(self) -> list[Tensor]:
        """The colours of each style image, within its mask: (3, N) each."""
        return [sample_colours(style, mask) for style, mask in self.styles_and_masks()]

    def style_shares(self, options: Options) -> Tensor:
        """The share of each style at each pixel of the content, (S, 1, 1 or H, 1 or W)."""
        blend = blend_shares(len(self.styles), options.style_weights)
        if self.masks:
            return pixel_shares(self.masks, blend)
        return self.content.new_tensor(blend)[:, None, None, None]

    def recolour(self, options: Options) -> "Inputs":
        """The images, recoloured as the options say (Gatys et al. 2017, section 5)."""
        if options.colour == "luminance":
            return replace(
                self,
                content=luminance(self.content),
                styles=tuple(
                    match_luminance(style, self.content, mask)
                    for style, mask in self.styles_and_masks()
                ),
                start=None if self.start is None else luminance(self.start),
            )
        if options.colour == "palette":
            shares = self.style_shares(options)
            return replace(self, content=match_palettes(self.content, self.palettes(), shares))
        if options.colour == "statistics":
            palette = sample_colours(self.content)
            pairs = zip(self.styles, self.palettes(), strict=True)
            styles = tuple(match_colours(style, palette, colours) for style, colours in pairs)
            return replace(self, styles=styles)
        return self


def _check_image(image: Tensor, name: str, channels: int = 3) -> Tensor:
    """Checks the shape and the range of an image, and returns it as float32."""
    if image.ndim != 4 or image.shape[:2] != (1, channels) or 0 in image.shape:
        shape = tuple(image.shape)
        raise OptionError(name, f"must be of shape (1, {channels}, H, W), not {shape}.")
    if not bool(((image >= 0) & (image <= 1)).all()):
        raise OptionError(name, "must have values between 0 and 1.")
    return image.detach().float()


def _check_mask(mask: Tensor, image: Tensor, name: str, *, may_be_dark: bool = False) -> Tensor:
    mask = _check_image(mask, name, channels=1)
    _check_aspect(mask, image, name)
    lightest = mask.max().item()
    if lightest == 0:
        raise OptionError(name, "must not be black everywhere.")
    if lightest < MIN_MASK and not may_be_dark:
        raise OptionError(name, "must be at least half white somewhere.")
    return resize_picture(mask, (image.shape[2], image.shape[3]))


def _check_aspect(image: Tensor, other: Tensor, name: str) -> None:
    (height, width), (other_height, other_width) = image.shape[-2:], other.shape[-2:]
    if not same_aspect((height, width), (other_height, other_width)):
        raise OptionError(
            name,
            f"must have the aspect ratio of its image, {other_width}×{other_height}, "
            f"not {width}×{height}.",
        )
