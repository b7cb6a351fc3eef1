"""The palette of an image, and an image in the palette of another."""

import pytest
import torch
from torch import Tensor

from pastiche.engine.colour import (
    Palette,
    luminance,
    match_colours,
    match_luminance,
    match_palettes,
    replace_luminance,
    sample_colours,
)


def colours(mean: tuple[float, float, float], spread: float, seed: int) -> Tensor:
    """An image of correlated colours, far from 0 and from 1."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.eye(3) + 0.5 * torch.rand(3, 3, generator=generator)
    noise = torch.rand(1, 3, 40, 50, generator=generator) - 0.5
    around = torch.einsum("ij,bjhw->bihw", mixing, noise)
    return torch.tensor(mean).view(1, 3, 1, 1) + spread * around


IMAGE, PALETTE = colours((0.6, 0.5, 0.4), 0.2, 1), colours((0.4, 0.5, 0.6), 0.3, 2)


def statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    pixels = image[0].flatten(1).double()
    return pixels.mean(dim=1), torch.cov(pixels, correction=0)


def test_the_colours_get_the_mean_and_covariance_of_the_palette() -> None:
    for ours, expected in zip(
        statistics(match_colours(IMAGE, sample_colours(PALETTE))), statistics(PALETTE), strict=True
    ):
        assert torch.allclose(ours, expected, atol=1e-4)


def test_an_image_in_its_own_palette_is_itself() -> None:
    assert torch.allclose(match_colours(IMAGE, sample_colours(IMAGE)), IMAGE, atol=1e-5)


def test_the_order_of_lightness_is_preserved() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    steps = match_colours(ramp, sample_colours(PALETTE)).mean(dim=(0, 1, 2)).diff()
    assert (steps >= -1e-6).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_plain_images_give_and_take_a_plain_palette(value: float) -> None:
    plain = torch.full((1, 3, 8, 8), value)
    for image, palette in ((plain, PALETTE), (IMAGE, plain), (plain, plain)):
        moved = match_colours(image, sample_colours(palette))
        assert ((moved >= 0) & (moved <= 1)).all()
    assert torch.allclose(
        match_colours(plain, sample_colours(PALETTE)).mean((0, 2, 3)),
        statistics(PALETTE)[0].float(),
    )


def test_a_palette_holds_nearly_all_colours_of_both_images() -> None:
    palette = Palette.enclose([sample_colours(PALETTE)], sample_colours(IMAGE))
    for image in (PALETTE, IMAGE):
        places = palette.axes @ image[0].flatten(1)
        inside = (places >= palette.low - 1e-6) & (places <= palette.high + 1e-6)
        assert inside.all(dim=0).float().mean() > 0.96


def test_a_palette_of_greys_excludes_other_colours() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    palette = Palette.enclose([sample_colours(ramp)], sample_colours(ramp))
    widths = (palette.high - palette.low).flatten().sort().values
    assert widths[:2].max() < 1e-3
    assert widths[2] > 0.9


def test_a_plain_palette_is_one_colour() -> None:
    plain = torch.full((1, 3, 8, 8), 0.5)
    palette = Palette.enclose([sample_colours(plain)], sample_colours(plain))
    assert torch.allclose(palette.low, palette.high, atol=1e-6)


def test_a_palette_holds_the_colours_of_several_styles() -> None:
    red, blue = colours((0.8, 0.3, 0.3), 0.1, 3), colours((0.3, 0.3, 0.8), 0.1, 4)
    palette = Palette.enclose([sample_colours(red), sample_colours(blue)], sample_colours(IMAGE))
    for image in (red, blue, IMAGE):
        places = palette.axes @ image[0].flatten(1)
        inside = (places >= palette.low - 1e-6) & (places <= palette.high + 1e-6)
        assert inside.all(dim=0).float().mean() > 0.96


def test_each_pixel_gets_the_palette_of_its_style() -> None:
    left = torch.zeros(2, 1, 40, 50)
    left[0, ..., :20], left[1, ..., 20:40] = 1.0, 1.0
    moved = match_palettes(IMAGE, [sample_colours(PALETTE), sample_colours(1 - PALETTE)], left)
    assert torch.allclose(
        moved[..., :20], match_colours(IMAGE, sample_colours(PALETTE))[..., :20], atol=1e-6
    )
    assert torch.allclose(
        moved[..., 20:40], match_colours(IMAGE, sample_colours(1 - PALETTE))[..., 20:40], atol=1e-6
    )
    assert torch.allclose(moved[..., 40:], IMAGE[..., 40:], atol=1e-6)


def test_luminance_is_grey_and_white_stays_white() -> None:
    grey = luminance(IMAGE)
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.allclose(luminance(torch.ones(1, 3, 4, 4)), torch.ones(1, 3, 4, 4))


def test_a_style_s_luminance_gets_the_content_s_mean_and_deviation() -> None:
    moved, expected = match_luminance(PALETTE, IMAGE), luminance(IMAGE)
    assert moved.mean().item() == pytest.approx(expected.mean().item(), abs=1e-3)
    assert moved.std().item() == pytest.approx(expected.std().item(), rel=0.02)


def test_a_style_s_luminance_is_measured_where_its_mask_is_white() -> None:
    both = torch.cat([PALETTE, torch.zeros_like(PALETTE)], dim=3)
    mask = torch.cat([torch.ones_like(PALETTE[:, :1]), torch.zeros_like(PALETTE[:, :1])], dim=3)
    moved = match_luminance(both, IMAGE, mask)[..., : PALETTE.shape[3]]
    assert torch.allclose(moved, match_luminance(PALETTE, IMAGE), atol=1e-3)


def test_a_style_mask_of_one_pixel_has_a_luminance() -> None:
    mask = torch.zeros_like(PALETTE[:, :1])
    mask[..., 0, 0] = 1.0
    assert match_luminance(PALETTE, IMAGE, mask).isfinite().all()


def test_painted_luminance_gets_the_colours_of_the_content() -> None:
    painted = luminance(PALETTE)
    coloured = replace_luminance(IMAGE, painted)
    assert torch.allclose(luminance(coloured), painted, atol=1e-6)
    assert torch.allclose(coloured - luminance(coloured), IMAGE - luminance(IMAGE), atol=1e-6)


def test_only_the_part_that_a_mask_leaves_is_seen() -> None:
    both = torch.cat([IMAGE, torch.zeros_like(IMAGE)], dim=3)
    mask = torch.cat([torch.ones(1, 1, 40, 50), torch.zeros(1, 1, 40, 50)], dim=3)
    assert torch.equal(sample_colours(both, mask), sample_colours(IMAGE))
