"""What the pastiche is compared with at one size: content feature maps and Gram matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pastiche.engine.backbone import CONTENT_LAYER, STYLE_LAYERS, Backbone
from pastiche.engine.color import Palette, seen
from pastiche.engine.guidance import blend_shares, guides_at, region_shares
from pastiche.engine.losses import gram_matrix
from pastiche.engine.normalisation import SCALINGS, Scaling
from pastiche.options import LayerName, Options


@dataclass(frozen=True, slots=True)
class ContentTarget:
    """One layer of the content image.

    Attributes:
        share: its weight among the content's layers.
        features: (1, C, H, W), float32 or wider, P of eq. 1.
        scale: a scalar, what Σ (F − P)² is multiplied with.
        weight_map: (1, 1, H, W), how much each place counts; None where all count 1.
    """

    layer: LayerName
    share: float
    features: Tensor
    scale: Tensor
    weight_map: Tensor | None = None


@dataclass(frozen=True, slots=True)
class StyleTarget:
    """One layer of one style, or of several that became one.

    Attributes:
        share: its weight among the layers, times that of its style.
        gram: (C, C), A of eq. 4.
        scale: a scalar, what ‖G − A‖² is multiplied with.
    """

    layer: LayerName
    share: float
    gram: Tensor
    scale: Tensor


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the pastiche, or all of it, and what its Gram matrices are to be like.

    Attributes:
        guides: (H·W) by layer, how much each position counts; None where all of them do.
    """

    guides: Mapping[LayerName, Tensor | None]
    styles: tuple[StyleTarget, ...]


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
        painted = {style.layer for region in self.regions for style in region.styles}
        return painted | {target.layer for target in self.contents}

    def blank(self) -> tuple[float, float]:
        """What the content and the style term of a picture would be that shows the network
        nothing: how large these terms are, whatever they are divided by."""
        content = sum(
            target.share * (target.features.square().sum() * target.scale).item()
            for target in self.contents
        )
        style = sum(
            target.share * (target.gram.square().sum() * target.scale).item()
            for region in self.regions
            for target in region.styles
        )
        return content, style


@dataclass(frozen=True, slots=True)
class Painted:
    """A style image at one size, (1, 3, H, W), and its mask in that size, if it has one."""

    image: Tensor
    mask: Tensor | None = None


def layer_weights(
    options: Options, network_shares: Mapping[LayerName, float]
) -> tuple[dict[LayerName, float], dict[LayerName, float]]:
    """The weights of the content's and of the style's layers; layers of weight 0 are left out."""
    scaling = SCALINGS[options.normalisation]
    usual = network_shares
    if scaling.style_layer is not None:
        usual = dict.fromkeys(STYLE_LAYERS, scaling.style_layer)
    styles = options.style_layers or usual
    contents: Mapping[LayerName, float] = options.content_layers or {CONTENT_LAYER: 1.0}
    return _weighted(contents, scaling), _weighted(styles, scaling)


def _weighted(weights: Mapping[LayerName, float], scaling: Scaling) -> dict[LayerName, float]:
    whole = sum(weights.values()) if scaling.layers_share else 1.0
    return {layer: weight / whole for layer, weight in weights.items() if weight}


@torch.no_grad()
def targets_of(
    content: Tensor,
    styles: Sequence[Painted],
    network: Backbone,
    options: Options,
    *,
    masks: Sequence[Tensor] = (),
    content_map: Tensor | None = None,
) -> Targets:
    """The targets of a content image and its style images, all of them in the size to paint at.

    Args:
        content: (1, 3, H, W) in 0 to 1.
        masks: (1, 1, H, W), where each style is painted; none where each is everywhere.
        content_map: (1, 1, H, W), how much each place of the content counts.
    """
    of_content, of_styles = layer_weights(options, network.shares)
    features = network.features(content, {*of_content, *of_styles})
    contents = _contents(
        {layer: features[layer] for layer in of_content},
        of_content,
        SCALINGS[options.normalisation],
        max(content.shape[-2:]),
        content_map,
    )
    painted = {layer: features[layer] for layer in of_styles}
    regions = _regions(painted, styles, masks, of_styles, network, options)
    if network.knows_colour:
        return Targets(contents, regions)
    colours = [seen(style.image, style.mask) for style in styles]
    return Targets(contents, regions, Palette.of(colours, seen(content)))


def _contents(
    features: Mapping[LayerName, Tensor],
    shares: Mapping[LayerName, float],
    scaling: Scaling,
    side: int,
    content_map: Tensor | None,
) -> tuple[ContentTarget, ...]:
    targets = []
    for layer, share in shares.items():
        wide = _wide(features[layer])
        weight_map = None
        if content_map is not None:
            weight_map = F.adaptive_avg_pool2d(content_map, (wide.shape[2], wide.shape[3]))
        targets.append(ContentTarget(layer, share, wide, scaling.content(wide, side), weight_map))
    return tuple(targets)


def _wide(features: Tensor) -> Tensor:
    """In float32 where it was narrower."""
    return features if features.dtype == torch.float64 else features.float()


def _regions(
    features: Mapping[LayerName, Tensor],
    styles: Sequence[Painted],
    masks: Sequence[Tensor],
    layers: Mapping[LayerName, float],
    network: Backbone,
    options: Options,
) -> tuple[Region, ...]:
    """One region for each mask; without masks one that is everything."""
    scaling = SCALINGS[options.normalisation]
    blend = blend_shares(len(styles), options.style_weights)
    grams = [_grams(style, network, list(layers)) for style in styles]
    if not masks:
        if options.style_blend == "grams":
            grams, blend = [_mixed(grams, blend)], [1.0]
        everywhere = dict.fromkeys(layers)
        return (Region(everywhere, _style_targets(grams, blend, layers, scaling)),)
    shares = region_shares(masks, blend)
    return tuple(
        Region(guides_at(mask, features), _style_targets([gram], [share], layers, scaling))
        for mask, gram, share in zip(masks, grams, shares, strict=True)
    )


def _grams(
    style: Painted, network: Backbone, layers: Sequence[LayerName]
) -> dict[LayerName, Tensor]:
    features = network.features(style.image, layers)
    guides = guides_at(style.mask, features)
    return {layer: gram_matrix(features[layer] - network.centre, guides[layer]) for layer in layers}


def _mixed(
    grams: Sequence[Mapping[LayerName, Tensor]], blend: Sequence[float]
) -> dict[LayerName, Tensor]:
    """The weighted mean of several styles' Gram matrices."""
    return {
        layer: torch.stack(
            [share * gram[layer] for gram, share in zip(grams, blend, strict=True)]
        ).sum(dim=0)
        for layer in grams[0]
    }


def _style_targets(
    grams: Sequence[Mapping[LayerName, Tensor]],
    blend: Sequence[float],
    layers: Mapping[LayerName, float],
    scaling: Scaling,
) -> tuple[StyleTarget, ...]:
    return tuple(
        StyleTarget(layer, share * weight, gram[layer], scaling.style(gram[layer]))
        for gram, share in zip(grams, blend, strict=True)
        for layer, weight in layers.items()
        if share
    )
