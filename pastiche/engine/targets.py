"""What the pastiche is compared with at one size: content feature maps and Gram matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.color import Palette, seen
from pastiche.engine.guidance import blend_shares, guides_at, region_shares
from pastiche.engine.losses import wide
from pastiche.engine.normalisation import SCALINGS
from pastiche.engine.statistics import (
    GramTarget,
    Moments,
    PositionSums,
    StatisticTarget,
    blended,
    moments_target,
    position_sums,
)
from pastiche.engine.tiles import features_in_tiles, whole_features
from pastiche.network_layers import layer_weights
from pastiche.options import LayerName, Options


@dataclass(frozen=True, slots=True)
class ContentTarget:
    """One layer of the content image.

    Attributes:
        share: its weight among the content's layers.
        features: (1, C, H, W), P of eq. 1, in the network's precision.
        energy: a scalar, Σ P².
        scale: a scalar, what Σ (F − P)² is multiplied with.
        weight_map: (1, 1, H, W), how much each place counts; None where all count 1.
    """

    layer: LayerName
    share: float
    features: Tensor
    energy: Tensor
    scale: Tensor
    weight_map: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """One layer of one style, or of several that became one.

    Attributes:
        share: its weight among the layers, times that of its style.
        statistic: what the pastiche's moments are compared with.
    """

    layer: LayerName
    share: float
    statistic: StatisticTarget


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the pastiche, or all of it, and the styles that it is compared with.

    Attributes:
        guides: (1, 1, H, W) by layer, how much each position counts; None where all of them do.
    """

    guides: Mapping[LayerName, Tensor | None]
    styles: tuple[StyleTarget, ...]

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """Where this part is looked at."""
        return tuple(dict.fromkeys(style.layer for style in self.styles))

    def of_layer(self, layer: LayerName) -> list[StyleTarget]:
        """The styles that it is compared with at this layer."""
        return [style for style in self.styles if style.layer == layer]


@dataclass(frozen=True, slots=True)
class Targets:
    """All that the pastiche is compared with at one size.

    Attributes:
        palette: the colours that may be used, None where all may be. A network that is fitted to
            its images is blind for colours that none of them has: nothing else keeps them out.
    """

    contents: tuple[ContentTarget, ...]
    regions: tuple[Region, ...]
    palette: Palette | None = None

    @property
    def layers(self) -> set[LayerName]:
        """Where the pastiche is looked at."""
        painted = {layer for region in self.regions for layer in region.layers}
        return painted | {target.layer for target in self.contents}

    def blank(self) -> tuple[float, float]:
        """What the content and the style term of a picture would be that shows the network
        nothing: how large these terms are, whatever they are divided by."""
        content = sum(
            target.share * (target.energy * target.scale).item() for target in self.contents
        )
        style = sum(
            target.share * target.statistic.loss_of_nothing().item()
            for region in self.regions
            for target in region.styles
        )
        return content, style


@dataclass(frozen=True, slots=True)
class Painted:
    """A style image at one size, (1, 3, H, W), and its mask in that size, if it has one."""

    image: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StyleLook:
    """What is known of a style image at one size, whatever it is mixed with and weighs.

    Attributes:
        moments: by layer.
        colours: its pixels, as `seen` gives them.
    """

    moments: Mapping[LayerName, Moments]
    colours: Tensor


@torch.no_grad()
def look_at(
    styles: Sequence[Painted], network: Backbone, options: Options, tile_side: int | None = None
) -> list[StyleLook]:
    """What the network, and the eye, see of each style image."""
    _, layers = layer_weights(options, network.shares)
    return [
        StyleLook(_moments(style, network, list(layers), tile_side), seen(style.image, style.mask))
        for style in styles
    ]


@torch.no_grad()
def targets_of(
    content: Tensor,
    styles: Sequence[StyleLook],
    network: Backbone,
    options: Options,
    *,
    masks: Sequence[Tensor] = (),
    content_map: Tensor | None = None,
    tile_side: int | None = None,
) -> Targets:
    """The targets of a content image and its style images, at the size to paint at.

    Args:
        content: (1, 3, H, W) in 0 to 1.
        masks: (1, 1, H, W), where each style is painted; none where each is everywhere.
        content_map: (1, 1, H, W), how much each place of the content counts.
        tile_side: how large a part of an image is looked at at once, in pixels; None for all of it.
    """
    of_content, of_styles = layer_weights(options, network.shares)
    contents = _contents(content, of_content, network, options, content_map, tile_side)
    regions = _regions([style.moments for style in styles], masks, of_styles, network, options)
    if network.knows_colour:
        return Targets(contents, regions)
    colours = [style.colours for style in styles]
    return Targets(contents, regions, Palette.of(colours, seen(content)))


def _contents(
    content: Tensor,
    shares: Mapping[LayerName, float],
    network: Backbone,
    options: Options,
    content_map: Tensor | None,
    tile_side: int | None,
) -> tuple[ContentTarget, ...]:
    scaling, targets = SCALINGS[options.normalisation], []
    for layer, features in whole_features(network, content, list(shares), tile_side).items():
        energy = torch.linalg.vector_norm(wide(features) + network.centre).square()
        scale = scaling.content(energy, features.numel(), max(content.shape[-2:]))
        weight_map = None
        if content_map is not None:
            weight_map = F.adaptive_avg_pool2d(content_map, (features.shape[2], features.shape[3]))
        targets.append(ContentTarget(layer, shares[layer], features, energy, scale, weight_map))
    return tuple(targets)


def _moments(
    style: Painted, network: Backbone, layers: Sequence[LayerName], tile_side: int | None
) -> dict[LayerName, Moments]:
    guides = None if style.mask is None else guides_at(style.mask, layers)
    sums: dict[LayerName, PositionSums] = {}
    for tile, features in features_in_tiles(network, style.image, layers, tile_side):
        for layer, here in features.items():
            guide = None if guides is None else tile.of_whole(guides[layer], layer)
            added = position_sums(here, guide)
            sums[layer] = sums[layer] + added if layer in sums else added
    return {layer: each.moments() for layer, each in sums.items()}


def _regions(
    styles: Sequence[Mapping[LayerName, Moments]],
    masks: Sequence[Tensor],
    layers: Mapping[LayerName, float],
    network: Backbone,
    options: Options,
) -> tuple[Region, ...]:
    """One region for each mask; without masks one that is everything."""
    blend = blend_shares(len(styles), options.style_weights)
    if not masks:
        if options.style_blend == "statistics":
            styles, blend = [_blended(styles, blend, options)], [1.0]
        everywhere = dict.fromkeys(layers)
        return (Region(everywhere, _style_targets(styles, blend, layers, network, options)),)
    shares = region_shares(masks, blend)
    return tuple(
        Region(
            guides_at(mask, list(layers)),
            _style_targets([style], [share], layers, network, options),
        )
        for mask, style, share in zip(masks, styles, shares, strict=True)
    )


def _blended(
    styles: Sequence[Mapping[LayerName, Moments]], blend: Sequence[float], options: Options
) -> dict[LayerName, Moments]:
    """Several styles as one."""
    return {
        layer: blended([style[layer] for style in styles], blend, options.style_statistic)
        for layer in styles[0]
    }


def _style_targets(
    styles: Sequence[Mapping[LayerName, Moments]],
    blend: Sequence[float],
    layers: Mapping[LayerName, float],
    network: Backbone,
    options: Options,
) -> tuple[StyleTarget, ...]:
    return tuple(
        StyleTarget(layer, share * weight, _statistic_target(style[layer], network, options))
        for style, share in zip(styles, blend, strict=True)
        for layer, weight in layers.items()
        if share
    )


def _statistic_target(moments: Moments, network: Backbone, options: Options) -> StatisticTarget:
    if options.style_statistic == "moments":
        return moments_target(moments, network.centre)
    return GramTarget(moments.gram, SCALINGS[options.normalisation].style(moments.gram))
