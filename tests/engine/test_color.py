"""The palette of an image, and one image in another's."""

import pytest
import torch
from torch import Tensor

from pastiche.engine.color import Palette, recoloured


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
    for ours, wanted in zip(
        statistics(recoloured(IMAGE, PALETTE)), statistics(PALETTE), strict=True
    ):
        assert torch.allclose(ours, wanted, atol=1e-4)


def test_an_image_in_its_own_palette_is_itself() -> None:
    assert torch.allclose(recoloured(IMAGE, IMAGE), IMAGE, atol=1e-5)


def test_a_share_of_nothing_is_the_image_and_half_lies_half_way() -> None:
    assert torch.equal(recoloured(IMAGE, PALETTE, 0.0), IMAGE)
    half_way = (IMAGE + recoloured(IMAGE, PALETTE)) / 2
    assert torch.allclose(recoloured(IMAGE, PALETTE, 0.5), half_way, atol=1e-6)


def test_what_is_lighter_stays_lighter() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    steps = recoloured(ramp, PALETTE).mean(dim=(0, 1, 2)).diff()
    assert (steps >= -1e-6).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_plain_images_give_and_take_a_plain_palette(value: float) -> None:
    plain = torch.full((1, 3, 8, 8), value)
    for image, palette in ((plain, PALETTE), (IMAGE, plain), (plain, plain)):
        moved = recoloured(image, palette)
        assert ((moved >= 0) & (moved <= 1)).all()
    assert torch.allclose(
        recoloured(plain, PALETTE).mean((0, 2, 3)), statistics(PALETTE)[0].float()
    )


def test_a_palette_holds_nearly_all_colours_of_both_images() -> None:
    palette = Palette.of(PALETTE, IMAGE)
    for image in (PALETTE, IMAGE):
        places = palette.axes @ image[0].flatten(1)
        inside = (places >= palette.low - 1e-6) & (places <= palette.high + 1e-6)
        assert inside.all(dim=0).float().mean() > 0.96


def test_a_palette_of_greys_has_no_room_for_other_colours() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    palette = Palette.of(ramp, ramp)
    widths = (palette.high - palette.low).flatten().sort().values
    assert widths[:2].max() < 1e-3
    assert widths[2] > 0.9


def test_a_plain_palette_is_one_colour() -> None:
    plain = torch.full((1, 3, 8, 8), 0.5)
    palette = Palette.of(plain, plain)
    assert torch.allclose(palette.low, palette.high, atol=1e-6)
