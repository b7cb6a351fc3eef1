"""How much each style counts at each position."""

import pytest
import torch

from pastiche.engine.guidance import blend_shares, build_guides, pixel_shares, region_shares
from pastiche.network_layers import STYLE_LAYERS, size_at, stride_at

LEFT = torch.zeros(1, 1, 8, 16)
LEFT[..., :4] = 1.0
ALL = torch.ones(1, 1, 8, 16)


def test_without_weights_all_styles_have_equal_shares() -> None:
    assert blend_shares(4, ()) == [0.25] * 4
    assert blend_shares(2, (1.0, 3.0)) == [0.25, 0.75]


def test_a_position_counts_by_the_square_of_its_mask_s_mean() -> None:
    guide = build_guides(LEFT, ["relu4_1"])["relu4_1"]  # (1, 1, 1, 2)
    assert torch.equal(guide[0, 0], torch.tensor([[0.25, 0.0]]))


@pytest.mark.parametrize("side", [64, 72, 79, 85])
def test_a_region_covers_the_same_pixels_on_every_layer_whatever_the_size(side: int) -> None:
    mask = torch.zeros(1, 1, side, side)
    mask[..., 32:, 48:] = 1.0
    for layer, guide in build_guides(mask, STYLE_LAYERS).items():
        stride = stride_at(layer)
        covered = torch.zeros(size_at(layer, side, side))
        covered[32 // stride :, 48 // stride :] = 1.0
        assert torch.equal(guide[0, 0], covered)


@pytest.mark.parametrize(("height", "width"), [(43, 64), (9, 31), (2, 40), (1, 5)])
def test_a_mask_of_the_last_row_and_column_is_empty_on_no_layer(height: int, width: int) -> None:
    mask = torch.zeros(1, 1, height, width)
    mask[..., -1:, -1:] = 1.0
    for layer, guide in build_guides(mask, STYLE_LAYERS).items():
        assert guide.shape[2:] == size_at(layer, height, width)
        assert guide[..., -1, -1] > 0
        assert torch.equal(guide.sum(), guide[..., -1, -1].sum())


def test_the_weight_of_a_style_grows_with_its_region() -> None:
    assert region_shares([LEFT, ALL - LEFT], [0.5, 0.5]) == pytest.approx([0.25, 0.75])


def test_a_heavier_style_weighs_more_in_its_own_region() -> None:
    assert region_shares([LEFT, ALL - LEFT], [0.75, 0.25]) == pytest.approx([0.375, 0.375])


def test_masks_that_cover_everything_are_a_blend() -> None:
    assert region_shares([ALL, ALL], [0.2, 0.8]) == pytest.approx([0.2, 0.8])


def test_a_place_belongs_to_the_style_that_covers_it() -> None:
    places = pixel_shares([LEFT, 0.5 * (ALL - LEFT)], [0.5, 0.5])
    assert places[:, 0, 0, 0].tolist() == [1.0, 0.0]
    assert places[:, 0, 0, 15].tolist() == [0.0, 0.5]


def test_a_place_that_all_styles_cover_is_shared_by_their_weights() -> None:
    assert pixel_shares([ALL, ALL], [0.25, 0.75])[:, 0, 0, 0].tolist() == [0.25, 0.75]
