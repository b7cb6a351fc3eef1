"""Images that do not fit each other are refused by name."""

from typing import Any

import pytest
import torch

from pastiche import Options
from pastiche.engine.inputs import Inputs
from pastiche.options import Colour, OptionError
from tests.engine.pictures import CONTENT, OTHER_STYLE, STYLE, left_half

LEFT = left_half(CONTENT)
WIDE = torch.ones(1, 1, 96, 200)


@pytest.mark.parametrize(
    ("images", "options", "says"),
    [
        ({"styles": ()}, {}, "style: must be 1 to 8"),
        ({"styles": (STYLE,) * 9}, {}, "style: must be 1 to 8"),
        ({}, {"style_weights": (1, 2)}, "style_weights: must be one for each of 1"),
        ({"masks": (LEFT, LEFT)}, {}, "mask: must be one for each of 1"),
        ({"style_masks": (LEFT, LEFT)}, {}, "style_mask: must be one for each of 1"),
        ({"masks": (WIDE,)}, {}, "mask: must have the aspect ratio of its image, 128×96"),
        ({"style_masks": (WIDE,)}, {}, "style_mask: must have the aspect ratio"),
        ({"content_map": WIDE}, {}, "content_map: must have the aspect ratio"),
        ({"masks": (0 * LEFT,)}, {}, "mask: must not be black everywhere"),
        ({"masks": (0.4 * LEFT,)}, {}, "mask: must be at least half white somewhere"),
        ({"style_masks": (0.4 * left_half(STYLE),)}, {}, "style_mask: must be at least half white"),
        ({"content_map": 0 * LEFT}, {}, "content_map: must not be black everywhere"),
        ({"masks": (CONTENT,)}, {}, "mask: must be of shape"),
        ({"masks": (2 * LEFT,)}, {}, "mask: must have values between 0 and 1"),
        ({"masks": (LEFT,)}, {"style_blend": "statistics"}, "style_blend: must be losses"),
        ({}, {"start": "image"}, "start_image: must be given"),
        ({"start": CONTENT}, {}, "start_image: must not be given"),
        ({"start": STYLE[..., :50]}, {"start": "image"}, "start_image: must have the aspect"),
    ],
)
def test_images_that_do_not_fit_each_other_are_refused_by_name(
    images: dict[str, Any], options: dict[str, Any], says: str
) -> None:
    usual: dict[str, Any] = {"content": CONTENT, "styles": (STYLE,)}
    inputs = Inputs(**(usual | images))
    with pytest.raises(OptionError, match=says):
        inputs.checked(Options(**options))


def test_a_mask_is_resized_to_its_image() -> None:
    small = torch.nn.functional.interpolate(LEFT, (48, 64))
    inputs = Inputs(CONTENT, (STYLE, OTHER_STYLE), masks=(small, 1 - small)).checked(Options())
    assert [mask.shape for mask in inputs.masks] == [LEFT.shape] * 2


def test_a_content_map_may_be_dark_everywhere() -> None:
    """Its values are weights, and any of them may be small."""
    checked = Inputs(CONTENT, (STYLE,), content_map=0.01 + 0 * LEFT).checked(Options())
    assert checked.content_map is not None


def test_a_result_of_another_size_can_be_a_start() -> None:
    """Sizes are rounded, so the aspect ratios differ slightly."""
    start = torch.rand(1, 3, 31, 41)
    Inputs(CONTENT, (STYLE,), start=start).checked(Options(start="image"))


@pytest.mark.parametrize("colour", ["statistics", "luminance"])
def test_colours_are_those_of_the_style_where_its_mask_is_white(colour: Colour) -> None:
    both = torch.cat([STYLE, torch.zeros_like(STYLE)], dim=3)
    masked = Inputs(CONTENT, (both,), style_masks=(left_half(both),))
    options = Options(colour=colour)
    (alone,) = Inputs(CONTENT, (STYLE,)).recolour(options).styles
    (beside,) = masked.recolour(options).styles
    assert torch.allclose(beside[..., : STYLE.shape[3]], alone, atol=0.02)
