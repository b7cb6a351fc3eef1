"""The backbone that needs no download: VGG-19's layers with filters fitted to the job's own images.

The network is fitted layer by layer. Patches of the feature maps so far are whitened, and the
layer's filters are the cluster centres that spherical k-means finds among them, after Coates, Ng,
Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning" (2011). With filters
for structures that are really in the images, Gram matrices tell strokes apart. Random mixtures of
the same directions do not, and paint hatching. Related: Krähenbühl et al., "Data-dependent
Initializations of Convolutional Neural Networks" (2016).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pastiche.engine.backbone import Backbone
from pastiche.engine.fast.convolution import NetworkPooling, convolve, pad, pool
from pastiche.engine.fast.cuda import exact_arithmetic
from pastiche.engine.images import normal_noise, resize_picture
from pastiche.engine.interruption import check_interruption, interruptibly
from pastiche.engine.normalisation import Units
from pastiche.engine.plain import Convolution
from pastiche.network_layers import CHANNELS, POOLED_BEFORE
from pastiche.options import LAYERS, LayerName, Options, Padding, StyleStatistic
from pastiche.sizes import fitted

FIT_SIDES = (128, 256, 512)
"""The longest sides, in pixels, of the images that the network is fitted to, up to the size of the
pastiche. A network fitted only to small images would find too little in large ones, and the content
would weigh more in a larger pastiche."""

PATCH_COUNT = 6_000
"""About how many patches a layer is fitted to."""

DIRECTION_SHARE = 0.25
"""How many principal directions are used, as a share of a layer's filters."""

RIDGE = 1e-3
"""Added to every variance before whitening, as a share of the largest, so that noise is not
amplified."""

GRAIN = 1 / 255
"""The standard deviation of the noise that is added to the images, in 0 to 1: about the rounding
error of 8 bits. A plain image has no principal directions, and without noise whitening would
amplify rounding errors."""

ROUNDS = 5
"""The number of iterations of spherical k-means."""

MEAN_ACTIVATION = 1.0
"""The mean activation of each filter."""

SILENT_SHARE = 0.5
"""The share of the patches at which a filter's activation is 0."""

UNITS: Mapping[StyleStatistic, Units] = {
    "moments": Units(45.0, 12.0, {"squared": 15.0, "absolute": 1.5}),
    "gram": Units(45.0, 5.0, {"squared": 15.0, "absolute": 1.5}),
}
"""What weights of 1 stand for: style gradients are larger than with a trained network."""

SEED = 20_160_627
"""The seed of the fit. It is fixed, so runs with different seeds share one network."""


@dataclass(frozen=True, slots=True)
class Whitened:
    """The choice of this backbone; its network is fitted once the images are known."""

    name: str = "whitened"
    sha256: str | None = None

    @torch.no_grad()
    @exact_arithmetic()
    def network(
        self, images: Sequence[Tensor], layers: Collection[LayerName], options: Options
    ) -> Backbone:
        """A network with filters fitted to these images, down to the deepest of the layers.

        Args:
            images: (1, 3, H, W) each, in 0 to 1, in float32 on their device.
        """
        generator = torch.Generator().manual_seed(SEED)
        pooling: NetworkPooling = "max" if options.pooling == "max" else "average"
        maps = [view for image in images for view in _make_views(image, options.size, generator)]
        convolutions = {}
        for layer in LAYERS[: 1 + max(LAYERS.index(each) for each in layers)]:
            if layer in POOLED_BEFORE:
                maps = [pool(each, pooling) for each in interruptibly(maps)]
            patches = _sample_patches(maps, options.padding, generator)
            convolutions[layer] = _fit_layer(patches, CHANNELS[layer][1], generator)
            for index, each in enumerate(interruptibly(maps)):  # frees the old maps one by one
                maps[index] = convolve(each, convolutions[layer], options.padding)
        network = Backbone(
            self.name,
            self.sha256,
            convolutions,
            units=UNITS,
            is_trained=False,
            pooling=pooling,
            padding=options.padding,
        )
        return network.centred(MEAN_ACTIVATION)


def _make_views(image: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """The image at every size that the network is fitted to, each once, without enlarging it."""
    height, width = image.shape[-2:]
    smallest, *larger = FIT_SIDES
    allowed = (smallest, *(side for side in larger if side <= size))
    sides = sorted({min(side, max(height, width)) for side in allowed})
    views = [resize_picture(image, fitted(height, width, side)) for side in sides]
    grain = [normal_noise(view.shape, generator) for view in views]
    return [view + GRAIN * noise.to(view) for view, noise in zip(views, grain, strict=True)]


def _sample_patches(maps: list[Tensor], padding: Padding, generator: torch.Generator) -> Tensor:
    """3×3 patches at random places, the same number from each map, (1, C, H, W): (P, 9·C)."""
    share = -(-PATCH_COUNT // len(maps))
    patch_lists = []
    for each in (pad(unpadded, padding) for unpadded in interruptibly(maps)):
        (channels, height, width), device = each.shape[1:], each.device
        count = (height - 2) * (width - 2)
        places = torch.randperm(count, generator=generator, device="cpu")[:share].to(device)
        corners = places // (width - 2) * width + places % (width - 2)  # (P)
        offsets = torch.arange(3, device=device)[:, None] * width + torch.arange(3, device=device)
        positions = each.permute(0, 2, 3, 1).reshape(-1, channels)  # (H+2·W+2, C)
        patches = positions.index_select(0, (corners[:, None] + offsets.flatten()).flatten())
        patch_lists.append(patches.view(-1, 9 * channels))
    return torch.cat(patch_lists)


def _fit_layer(patches: Tensor, filters: int, generator: torch.Generator) -> Convolution:
    """A layer with filters fitted to these patches, (P, 9·C).

    The activation of each filter is 0 at half of the patches, and its mean is 1.
    """
    mean = patches.mean(dim=0)
    centred = patches - mean
    check_interruption()
    variances, directions = _find_directions(centred, round(DIRECTION_SHARE * filters), generator)
    whitening = directions * (variances + RIDGE * variances[0] + 1e-12).rsqrt()  # (9·C, K)
    whitened = centred @ whitening  # (P, K)
    centres = _cluster(whitened, filters, generator)  # (filters, K)
    weight = centres @ whitening.T  # (filters, 9·C)
    check_interruption()
    outputs = whitened @ centres.T + weight @ mean  # (P, filters), patches @ weight.T
    bias = -outputs.quantile(SILENT_SHARE, dim=0)
    activation = (outputs + bias).relu().mean(dim=0).clamp_min(1e-6) / MEAN_ACTIVATION
    shape = (filters, 3, 3, patches.shape[1] // 9)
    weight = (weight / activation[:, None]).reshape(shape).permute(0, 3, 1, 2)
    return Convolution(weight.contiguous(), bias / activation)


def _find_directions(
    centred: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The leading variances, (K), largest first, and principal directions, (D, K), of rows (P, D).

    It uses a randomised range finder with half a power iteration: Halko, Martinsson, Tropp,
    "Finding Structure with Randomness" (2011), algorithm 4.4. A full decomposition of 4608×4608
    takes 25 s.
    """
    rows, dimensions = centred.shape
    count = max(1, min(count, rows - 1, dimensions))
    width = min(count + 16, rows, dimensions)
    start = normal_noise((rows, width), generator).to(centred)
    basis = torch.linalg.qr(centred.T @ start).Q  # (D, width)
    check_interruption()
    basis = torch.linalg.qr(centred @ basis).Q  # (P, width)
    check_interruption()
    small = basis.T @ centred  # (width, D)
    check_interruption()
    variances, left = torch.linalg.eigh((small @ small.T).double() / rows)
    variances, left = variances.flip(0)[:count], left.flip(1)[:, :count]
    directions = small.T @ left.to(small)  # (D, K), each of length √(rows·variance)
    directions = directions / directions.norm(dim=0).clamp_min(1e-12)
    return variances.clamp_min(0).to(small), directions


def _cluster(whitened: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Unit vectors that the whitened patches, (P, K), cluster around: (count, K)."""
    lengths = whitened.norm(dim=1)
    has_few_patches = whitened.shape[0] < count
    first = torch.multinomial(
        lengths.cpu().double() + 1e-9, count, replacement=has_few_patches, generator=generator
    )
    units = whitened / lengths.clamp_min(1e-9)[:, None]  # (P, K)
    centres: Tensor = units[first.to(units.device)]
    for _ in range(ROUNDS):
        check_interruption()
        nearest = (units @ centres.T).argmax(dim=1)
        # A matrix product, because adding by index has no fixed order on CUDA.
        members = torch.nn.functional.one_hot(nearest, count).to(whitened)  # (P, count)
        sums = members.T @ whitened
        norms = sums.norm(dim=1, keepdim=True)
        centres = torch.where(norms > 1e-6, sums / norms.clamp_min(1e-6), centres)
    return centres
