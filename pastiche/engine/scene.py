"""One pastiche to be painted: its images in the colours they are painted in, and their network."""

from dataclasses import dataclass, field, replace
from math import ceil

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.backbones import BackboneSource
from pastiche.engine.color import (
    in_colours_of,
    in_luminance_of,
    in_palettes,
    luminance,
    principal_axes,
    recoloured,
    seen,
)
from pastiche.engine.guidance import blend_shares, place_shares
from pastiche.engine.images import resize, resize_picture
from pastiche.engine.inputs import Inputs
from pastiche.engine.normalisation import SCALINGS
from pastiche.engine.objective import Objective, Weights
from pastiche.engine.precision import convolution_dtype
from pastiche.engine.targets import Painted, StyleLook, Targets, look_at, targets_of
from pastiche.network_layers import GRID, layers_of
from pastiche.options import Options
from pastiche.pyramid import Scale
from pastiche.sizes import enlarges_styles, fitted, style_side

GAMUT_SHARE = 400.0
"""The weight of what is outside the gamut, for one of what an empty picture costs: 10⁴ by default,
and as much against the other terms whatever their weights and their normalisation."""


MEAN_COLOUR = (123.68 / 255, 116.779 / 255, 103.939 / 255)
"""Red, green and blue of the mean of the photographs that VGG was trained on (Simonyan, Zisserman):
what a Caffe network is shown as nothing."""

PLAIN_STARTS = frozenset({"noise", "grey", "mean"})
"""The starts that have no detail of an image."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What stays the same while a pastiche is painted.

    Attributes:
        inputs: the images as they are looked at.
        photograph: (1, 3, H, W), the content image as it was given.
        styled: (1, 3, H, W), the content image in the styles' palettes.
        axes: (3, 3), the principal axes of the styles' colours.
        network: with the precision and on the device that it paints with.
    """

    inputs: Inputs
    photograph: Tensor
    styled: Tensor
    axes: Tensor
    network: Backbone
    _looks: dict[int, list[StyleLook]] = field(default_factory=dict)

    @classmethod
    def of(cls, inputs: Inputs, options: Options, source: BackboneSource) -> "Scene":
        """The scene of images that are checked and on their device."""
        looked_at = _in_colours(inputs, options)
        palettes = _palettes(looked_at)
        styled = in_palettes(looked_at.content, palettes, _places(looked_at, options))
        layers = layers_of(options, source.shares)
        network = source.network((styled, *looked_at.styles), layers, options)
        device = inputs.content.device
        network = network.to(device, convolution_dtype(device, options))
        return cls(looked_at, inputs.content, styled, principal_axes(palettes), network)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the content image as it was given."""
        return self.photograph.shape[2], self.photograph.shape[3]

    @property
    def images(self) -> tuple[Tensor, ...]:
        """Its images in their full sizes; some may be the same."""
        inputs = self.inputs
        several = (*inputs.styles, *inputs.masks, *inputs.style_masks)
        single = (inputs.content, inputs.start, inputs.content_map, self.photograph, self.styled)
        return (*several, *(image for image in single if image is not None))

    def start(self, size: tuple[int, int], options: Options) -> Tensor:
        """The first picture, (1, 3, h, w)."""
        image = self._given(size, options)
        noise = _noise(image, options.seed)
        if options.start == "noise":
            return 0.5 + 0.25 * noise
        if options.start == "mean":
            mean = torch.tensor(MEAN_COLOUR).to(image).view(1, 3, 1, 1)
            return mean + options.start_noise * noise
        if options.start == "grey":
            image = torch.full_like(image, 0.5)
        return image + options.start_noise * style_share(options) * noise

    def enlarged(
        self, image: Tensor, size: tuple[int, int], options: Options, scale: int
    ) -> Tensor:
        """What was painted at one scale as the beginning of the next, from 1.

        An enlarged picture has no fine detail of its own, and takes longer to find any. So it gets
        what the first picture has of it and an enlarged one has not; or, where that has none
        either, noise.
        """
        larger = resize(image, size)
        if options.start in PLAIN_STARTS:
            return larger + options.start_noise * _noise(larger, options.seed + (scale << 32))
        before = self._given((image.shape[2], image.shape[3]), options)
        return larger + self._given(size, options) - resize(before, size)

    def _given(self, size: tuple[int, int], options: Options) -> Tensor:
        """The image that the picture starts from."""
        start = self.inputs.start
        image = self._content(options) if start is None else start
        return resize_picture(image, size, options.resampling)

    def objective(self, scale: Scale, options: Options, tile_side: int | None = None) -> Objective:
        """The objective at one scale, with all images in that size, looked at in such tiles."""
        inputs, size = self.inputs, scale.size
        targets = targets_of(
            resize_picture(self._content(options), size, options.resampling),
            self._looks_at(scale, options, tile_side),
            self.network,
            options,
            masks=[resize_picture(mask, size) for mask in inputs.masks],
            content_map=None
            if inputs.content_map is None
            else resize_picture(inputs.content_map, size),
            tile_side=tile_side,
        )
        return Objective(
            self.network,
            targets,
            weights_of(options, targets, self.network),
            tv_norm=options.tv_norm,
            variation_is_summed=SCALINGS[options.normalisation].variation_is_summed,
            normalises_gradients=options.gradient_normalisation,
        )

    def finished(self, image: Tensor, options: Options) -> Tensor:
        """A picture as it is to be seen, (1, 3, h, w) in 0 to 1, on the CPU."""
        image = image.detach()
        if options.colour == "luminance":
            size = (image.shape[2], image.shape[3])
            photograph = resize_picture(self.photograph, size, options.resampling)
            image = in_colours_of(image, photograph)
        return image.clamp(0, 1).cpu()

    def _content(self, options: Options) -> Tensor:
        """The content image; for a network that cannot tell what is shown from the colours it
        has, with the styles' palette: all of it where α ≤ β, none of it where β = 0."""
        if self.network.knows_colour:
            return self.inputs.content
        return torch.lerp(self.inputs.content, self.styled, style_share(options))

    def _looks_at(self, scale: Scale, options: Options, tile_side: int | None) -> list[StyleLook]:
        """The style images as they are at one scale, looked at once."""
        side = scale.longest_side
        if side not in self._looks:
            painted = self._painted(style_side(side, options), options)
            # A style image may be far larger than the picture, whose size the memory was found for.
            seen_at_once = tile_side or GRID * ceil(side / GRID)
            self._looks[side] = look_at(painted, self.network, options, seen_at_once)
        return self._looks[side]

    def _painted(self, longest_side: float, options: Options) -> list[Painted]:
        """The style images with this longest side; above their own pixels only where they are
        enlarged."""
        painted = []
        for style, mask in _masked(self.inputs):
            height, width = style.shape[-2:]
            side = longest_side
            if not enlarges_styles(options):
                side = min(side, max(height, width))
            size = fitted(height, width, round(side))
            small = None if mask is None else resize_picture(mask, size)
            painted.append(Painted(resize_picture(style, size, options.resampling), small))
        return painted


def style_share(options: Options) -> float:
    """How much style is asked for: all of it, 1, where α ≤ β, none of it where β = 0."""
    both = options.content_weight + options.style_weight
    return min(1.0, 2.0 * options.style_weight / both)


def weights_of(options: Options, targets: Targets, network: Backbone) -> Weights:
    """What the terms are multiplied with, for the weights in the options."""
    scaling = SCALINGS[options.normalisation]
    units = scaling.units or network.units[options.style_statistic]
    content, style = (units.content * options.content_weight, units.style * options.style_weight)
    blank_content, blank_style = targets.blank()
    tv = units.variation[options.tv_norm] * options.tv_weight
    if scaling.units is None:
        # It smooths strokes, and is not to smooth the photograph: all of it down to β = α/4.
        tv *= min(1.0, 2.5 * style_share(options))
    return Weights(
        content=content,
        style=style,
        tv=tv,
        gamut=GAMUT_SHARE * (content * blank_content + style * blank_style),
    )


def _noise(image: Tensor, seed: int) -> Tensor:
    """Of standard deviation 1, in the shape of an image; the same on every device."""
    return torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)


def _masked(inputs: Inputs) -> list[tuple[Tensor, Tensor | None]]:
    """The style images, each with its mask or None."""
    masks = inputs.style_masks or (None,) * len(inputs.styles)
    return list(zip(inputs.styles, masks, strict=True))


def _in_colours(inputs: Inputs, options: Options) -> Inputs:
    """The images with the colours in which they are painted (Gatys et al. 2017, section 5)."""
    if options.colour == "luminance":
        return replace(
            inputs,
            content=luminance(inputs.content),
            styles=tuple(in_luminance_of(style, inputs.content) for style in inputs.styles),
            start=None if inputs.start is None else luminance(inputs.start),
        )
    if options.colour == "palette":
        places = _places(inputs, options)
        return replace(inputs, content=in_palettes(inputs.content, _palettes(inputs), places))
    if options.colour == "statistics":
        styles = tuple(recoloured(style, seen(inputs.content)) for style in inputs.styles)
        return replace(inputs, styles=styles)
    return inputs


def _palettes(inputs: Inputs) -> list[Tensor]:
    """The colours of each style image, of what its mask leaves of it: (3, N) each."""
    return [seen(style, mask) for style, mask in _masked(inputs)]


def _places(inputs: Inputs, options: Options) -> Tensor:
    """What share each style has of each place of the content image, (S, 1, 1 or H, 1 or W)."""
    blend = blend_shares(len(inputs.styles), options.style_weights)
    if inputs.masks:
        return place_shares(inputs.masks, blend)
    return torch.tensor(blend).to(inputs.content)[:, None, None, None]
