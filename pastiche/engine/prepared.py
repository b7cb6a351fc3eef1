"""The prepared inputs of a run: the recoloured images, and a network."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone, BackboneSource
from pastiche.engine.colour import match_palettes, principal_axes, replace_luminance
from pastiche.engine.fast.convolution import convolution_dtype
from pastiche.engine.images import normal_noise, resize, resize_picture
from pastiche.engine.inputs import Inputs
from pastiche.engine.normalisation import style_share
from pastiche.engine.targets import (
    StyleFeatures,
    Targets,
    build_content_targets,
    build_palette,
    build_targets,
    extract_style_features,
)
from pastiche.network_layers import GRID, compared_layers
from pastiche.options import PLAIN_STARTS, REFITTING_OPTIONS, Options
from pastiche.sizes import Scale, style_size

MEAN_COLOUR = (123.68 / 255, 116.779 / 255, 103.939 / 255)
"""The mean red, green and blue of the photographs that VGG was trained on (Simonyan, Zisserman). A
Caffe network sees this colour as 0."""


@dataclass(frozen=True, slots=True)
class PreparedInputs:
    """What stays the same during a run, and in other runs with the same images.

    Attributes:
        inputs: the images, recoloured as the options say.
        original: (1, 3, H, W), the content image as it was given.
        recoloured: (1, 3, H, W), the content image in the styles' palettes.
        axes: (3, 3), the principal axes of the styles' colours.
        network: on its device and in its precision.
    """

    inputs: Inputs
    original: Tensor
    recoloured: Tensor
    axes: Tensor
    network: Backbone
    _style_features: dict[int, list[StyleFeatures]] = field(default_factory=dict)

    @classmethod
    def prepare(cls, inputs: Inputs, options: Options, source: BackboneSource) -> "PreparedInputs":
        """Prepares images that are already checked and on their device."""
        coloured = inputs.recolour(options)
        palettes = coloured.palettes()
        shares = coloured.style_shares(options)
        recoloured = match_palettes(coloured.content, palettes, shares)
        layers = compared_layers(options, source.name)
        network = source.network((recoloured, *coloured.styles), layers, options)
        device = inputs.content.device
        network = network.to(device, convolution_dtype(device, options))
        return cls(coloured, inputs.content, recoloured, principal_axes(palettes), network)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the content image as it was given."""
        return self.original.shape[2], self.original.shape[3]

    @property
    def images(self) -> tuple[Tensor, ...]:
        """All images at their full sizes. Some may share memory."""
        inputs = self.inputs
        several = (*inputs.styles, *inputs.masks, *inputs.style_masks)
        single = (inputs.content, inputs.start, inputs.content_map, self.original, self.recoloured)
        return (*several, *(image for image in single if image is not None))

    def start(self, size: tuple[int, int], options: Options) -> Tensor:
        """The picture that the first scale starts from, (1, 3, h, w)."""
        image = self._start_image(size, options)
        noise = _noise(image, options.seed)
        if options.start == "noise":
            return 0.5 + 0.25 * noise
        if options.start == "mean":
            mean = image.new_tensor(MEAN_COLOUR).view(1, 3, 1, 1)
            return mean + options.start_noise * noise
        if options.start == "grey":
            image = torch.full_like(image, 0.5)
        return image + options.start_noise * style_share(options) * noise

    def enlarge(self, image: Tensor, size: tuple[int, int], options: Options, scale: int) -> Tensor:
        """The picture of one scale as the start of the next scale, which has the index `scale`.

        An enlarged picture has no fine detail, and the optimiser takes long to find it. So this
        adds the detail of a full-size start that an enlarged start lacks, or noise if the start is
        plain.
        """
        larger = resize(image, size)
        if options.start in PLAIN_STARTS:
            share = style_share(options) if options.start == "grey" else 1.0
            noise = _noise(larger, options.seed + (scale << 32))
            return larger + options.start_noise * share * noise
        before = self._start_image((image.shape[2], image.shape[3]), options)
        return larger + self._start_image(size, options) - resize(before, size)

    def build_targets(
        self, scale: Scale, options: Options, tile_side: int | None = None
    ) -> Targets:
        """The targets at one scale, computed in tiles of this side."""
        inputs, size = self.inputs, scale.size
        content_map = inputs.content_map
        return build_targets(
            self._content_at(scale, options),
            self._style_features_at(scale, options, tile_side),
            self.network,
            options,
            masks=[resize_picture(mask, size) for mask in inputs.masks],
            content_map=None if content_map is None else resize_picture(content_map, size),
            tile_side=tile_side,
        )

    def update_targets(
        self,
        targets: Targets,
        scale: Scale,
        options: Options,
        previous: Options,
        tile_side: int | None = None,
    ) -> None:
        """Updates targets from `build_targets` for other weights, in place.

        Args:
            previous: the options that the targets were built for.
        """
        if self.network.is_trained or style_share(options) == style_share(previous):
            return
        content = self._content_at(scale, options)
        styles = self._style_features_at(scale, options, tile_side)
        targets.overwrite_content(
            build_content_targets(content, self.network, options, tile_side=tile_side),
            build_palette(content, styles, self.network),
        )

    def finish(self, image: Tensor, options: Options) -> Tensor:
        """The finished picture, (1, 3, h, w) in 0 to 1, on the CPU."""
        image = image.detach()
        if options.colour == "luminance":
            size = (image.shape[2], image.shape[3])
            image = replace_luminance(
                resize_picture(self.original, size, options.resampling), image
            )
        return image.clamp(0, 1).cpu()

    def _start_image(self, size: tuple[int, int], options: Options) -> Tensor:
        start = self.inputs.start
        image = self._content(options) if start is None else start
        return resize_picture(image, size, options.resampling)

    def _content_at(self, scale: Scale, options: Options) -> Tensor:
        return resize_picture(self._content(options), scale.size, options.resampling)

    def _content(self, options: Options) -> Tensor:
        """The content image. For a network that does not separate what is shown from its colours,
        recoloured to the styles' palette: completely if α ≤ β, less if α > β, not if β = 0."""
        if self.network.is_trained:
            return self.inputs.content
        return torch.lerp(self.inputs.content, self.recoloured, style_share(options))

    def _style_features_at(
        self, scale: Scale, options: Options, tile_side: int | None
    ) -> list[StyleFeatures]:
        """The features of the style images at one scale. They are computed once."""
        side = scale.longest_side
        if side not in self._style_features:
            # Memory is planned for the picture, and a style image may be far larger.
            tile_side = tile_side or GRID * ceil(side / GRID)
            self._style_features[side] = [
                self._extract_style(style, mask, side, options, tile_side)
                for style, mask in self.inputs.styles_and_masks()
            ]
        return self._style_features[side]

    def _extract_style(
        self, style: Tensor, mask: Tensor | None, side: int, options: Options, tile_side: int
    ) -> StyleFeatures:
        """The features of a style image for a pastiche whose longest side is `side`."""
        size = style_size((style.shape[2], style.shape[3]), side, options)
        style = resize_picture(style, size, options.resampling)
        mask = None if mask is None else resize_picture(mask, size)
        return extract_style_features(style, mask, self.network, options, tile_side)


class PreparedInputsCache:
    """The newest prepared inputs of a process that paints one picture after another. Pictures of
    the same images share the network and the features of the styles."""

    def __init__(self, size: int = 2) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, PreparedInputs] = OrderedDict()

    def prepare(self, inputs: Inputs, options: Options, source: BackboneSource) -> PreparedInputs:
        """`PreparedInputs.prepare`, or its earlier result for the same images."""
        related = {name: getattr(options, name) for name in REFITTING_OPTIONS}
        device = inputs.content.device
        network = source.sha256 or source  # sources of one name may have other weights
        key = (inputs.digest(), str(related), source.name, network, device)
        if key not in self._entries:
            self._entries[key] = PreparedInputs.prepare(inputs, options, source)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        return self._entries[key]

    @property
    def image_bytes(self) -> int:
        """How much memory the cached images take."""
        sizes = {
            image.data_ptr(): image.nbytes
            for prepared in self._entries.values()
            for image in prepared.images
        }
        return sum(sizes.values())

    def clear(self) -> None:
        """Empties the cache."""
        self._entries.clear()


def _noise(image: Tensor, seed: int) -> Tensor:
    """Noise of standard deviation 1, in the shape of an image, the same on every device."""
    return normal_noise(image.shape, torch.Generator().manual_seed(seed)).to(image)
