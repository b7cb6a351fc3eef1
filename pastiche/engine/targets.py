"""The targets of the pastiche at one size: content feature maps and style statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.colour import Palette, sample_colours
from pastiche.engine.fast.tiling import Tile, compute_features, iterate_features
from pastiche.engine.guidance import blend_moments, blend_shares, build_guides, region_shares
from pastiche.engine.losses import (
    GramTarget,
    MomentsTarget,
    PositionSums,
    StyleStatisticTarget,
    position_sums,
    to_float32,
)
from pastiche.engine.normalisation import SCALINGS
from pastiche.engine.plain import Moments, mask_at
from pastiche.network_layers import content_layer_weights, style_layer_weights
from pastiche.options import LayerName, Options


@dataclass(frozen=True, slots=True)
class ContentTarget:
    """One layer of the content image.

    Attributes:
        share: its weight among the content layers.
        features: (1, C, H, W), P of eq. 1, in the network's precision.
        energy: a scalar, Σ P².
        scale: a scalar, the factor of Σ (F − P)².
        weight_map: (1, 1, H, W), how much each position counts. None if all count 1.
    """

    layer: LayerName
    share: float
    features: Tensor
    energy: Tensor
    scale: Tensor
    weight_map: Tensor | None = None

    def crop(self, tile: Tile) -> "ContentTarget":
        """The part of the target that belongs to a tile."""
        weight_map = self.weight_map
        if weight_map is not None:
            weight_map = tile.crop(weight_map, self.layer)
        return replace(self, features=tile.crop(self.features, self.layer), weight_map=weight_map)


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """One layer of the styles, for the whole pastiche or for a region.

    Attributes:
        shares: for each style, the weight of the layer times the share of the style.
        statistics: for each style, what the pastiche's moments are compared with.
        guide: (1, 1, H, W), how much each position counts. None if all count 1.
    """

    layer: LayerName
    shares: tuple[float, ...]
    statistics: tuple[StyleStatisticTarget, ...]
    guide: Tensor | None = None

    def crop(self, tile: Tile) -> "StyleTarget":
        """The part of the target that belongs to a tile."""
        if self.guide is None:
            return self
        return replace(self, guide=tile.crop(self.guide, self.layer))


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of the pastiche at one size.

    Attributes:
        palette: the colours that may be used. None if all may be. A network that is fitted to its
            images does not see colours that none of them has, so its losses do not exclude them.
    """

    contents: tuple[ContentTarget, ...]
    styles: tuple[StyleTarget, ...]
    palette: Palette | None = None

    @property
    def layers(self) -> set[LayerName]:
        """The layers at which the pastiche is compared."""
        layers = {target.layer for target in self.contents}
        return layers | {target.layer for target in self.styles}

    def crop(self, tile: Tile) -> "Targets":
        """The part of the targets that belongs to a tile."""
        contents = tuple(target.crop(tile) for target in self.contents)
        return replace(
            self, contents=contents, styles=tuple(target.crop(tile) for target in self.styles)
        )

    def blank_losses(self) -> tuple[float, float]:
        """The content and the style loss of a picture whose features are all 0. They measure how
        large these terms are in any normalisation."""
        content = sum(
            target.share * (target.energy * target.scale).item() for target in self.contents
        )
        style = sum(
            share * statistic.blank_loss().item()
            for target in self.styles
            for share, statistic in zip(target.shares, target.statistics, strict=True)
        )
        return content, style

    def overwrite_content(self, contents: Sequence[ContentTarget], palette: Palette | None) -> None:
        """Overwrites the content targets and the palette in place, so that a recorded CUDA graph
        uses the new ones."""
        for target, new in zip(self.contents, contents, strict=True):
            target.features.copy_(new.features)
            target.energy.copy_(new.energy)
            target.scale.copy_(new.scale)
        if self.palette is not None and palette is not None:
            self.palette.axes.copy_(palette.axes)
            self.palette.low.copy_(palette.low)
            self.palette.high.copy_(palette.high)


@dataclass(frozen=True, slots=True)
class StyleFeatures:
    """The features of a style image at one size. They do not depend on any weights.

    Attributes:
        moments: by layer.
        colours: its pixels, from `sample_colours`.
    """

    moments: Mapping[LayerName, Moments]
    colours: Tensor


@torch.no_grad()
def extract_style_features(
    style: Tensor,
    mask: Tensor | None,
    network: Backbone,
    options: Options,
    tile_side: int | None = None,
) -> StyleFeatures:
    """The moments and colours of a style image, (1, 3, H, W), within its mask, (1, 1, H, W)."""
    layers = list(style_layer_weights(options, network.name))
    guides = {} if mask is None else build_guides(mask, layers)
    sums: dict[LayerName, PositionSums] = {}
    for tile, features in iterate_features(network.features, style, layers, tile_side):
        for layer, part in features.items():
            guide = tile.crop(guides[layer], layer) if guides else None
            added = position_sums(part, guide)
            sums[layer] = sums[layer] + added if layer in sums else added
    moments = {layer: each.moments() for layer, each in sums.items()}
    return StyleFeatures(moments, sample_colours(style, mask))


@torch.no_grad()
def build_targets(
    content: Tensor,
    styles: Sequence[StyleFeatures],
    network: Backbone,
    options: Options,
    *,
    masks: Sequence[Tensor] = (),
    content_map: Tensor | None = None,
    tile_side: int | None = None,
) -> Targets:
    """The targets for a content image and style images, at the size to paint at.

    Args:
        content: (1, 3, H, W) in 0 to 1.
        masks: (1, 1, H, W), where each style is painted. None are needed if each is everywhere.
        content_map: (1, 1, H, W), how much each position of the content counts.
        tile_side: the side of the tiles that are computed one at a time, in pixels. None to compute
            the whole image at once.
    """
    contents = build_content_targets(
        content, network, options, content_map=content_map, tile_side=tile_side
    )
    moments = [style.moments for style in styles]
    return Targets(
        contents,
        _style_targets(moments, masks, network, options),
        build_palette(content, styles, network),
    )


@torch.no_grad()
def build_content_targets(
    content: Tensor,
    network: Backbone,
    options: Options,
    *,
    content_map: Tensor | None = None,
    tile_side: int | None = None,
) -> tuple[ContentTarget, ...]:
    """Only the content targets, with arguments as for `build_targets`."""
    shares = content_layer_weights(options)
    scaling, targets = SCALINGS[options.normalisation], []
    maps = compute_features(network.features, content, list(shares), tile_side)
    for layer, features in maps.items():
        energy = torch.linalg.vector_norm(to_float32(features) + network.centre).square()
        scale = scaling.content(energy, features.numel(), max(content.shape[-2:]), options)
        weight_map = None
        if content_map is not None:
            weight_map = mask_at((features.shape[2], features.shape[3]), content_map)
        targets.append(ContentTarget(layer, shares[layer], features, energy, scale, weight_map))
    return tuple(targets)


@torch.no_grad()
def build_palette(
    content: Tensor, styles: Sequence[StyleFeatures], network: Backbone
) -> Palette | None:
    """The colours that may be used. None for a network that sees all colours."""
    if network.is_trained:
        return None
    return Palette.enclose([style.colours for style in styles], sample_colours(content))


def _style_targets(
    styles: Sequence[Mapping[LayerName, Moments]],
    masks: Sequence[Tensor],
    network: Backbone,
    options: Options,
) -> tuple[StyleTarget, ...]:
    """One target for each layer, or with masks one for each layer of each style."""
    layers = style_layer_weights(options, network.name)
    shares = blend_shares(len(styles), options.style_weights)
    if masks:
        shares = region_shares(masks, shares)
    elif options.style_blend == "statistics":
        styles, shares = [_blend(styles, shares, options)], [1.0]
    compared = list(zip(shares, styles, strict=True))
    regions = [[each] for each in compared] if masks else [compared]
    targets = []
    for region, mask in zip(regions, masks or (None,), strict=True):
        guides = {} if mask is None else build_guides(mask, list(layers))
        visible = [(share, style) for share, style in region if share]
        targets += [
            StyleTarget(
                layer,
                tuple(share * weight for share, _ in visible),
                tuple(_statistic_target(style[layer], network, options) for _, style in visible),
                guides.get(layer),
            )
            for layer, weight in layers.items()
            if visible
        ]
    return tuple(targets)


def _blend(
    styles: Sequence[Mapping[LayerName, Moments]], shares: Sequence[float], options: Options
) -> dict[LayerName, Moments]:
    return {
        layer: blend_moments([style[layer] for style in styles], shares, options.style_statistic)
        for layer in styles[0]
    }


def _statistic_target(
    moments: Moments, network: Backbone, options: Options
) -> StyleStatisticTarget:
    if options.style_statistic == "moments":
        return MomentsTarget.from_moments(moments, network.centre)
    return GramTarget(moments.gram, SCALINGS[options.normalisation].style(moments.gram))
