"""`stylize` warns about options and images without the expected effect, and still paints."""

import warnings

import pytest

from pastiche import OptionError, Options, PasticheWarning, stylize_tensors
from tests.engine.pictures import CONTENT, STYLE, textured

pytestmark = pytest.mark.usefixtures("thin_backbone")


def test_stylize_warns_of_a_style_image_with_too_few_pixels_where_it_is_called() -> None:
    with pytest.warns(PasticheWarning, match="The style image is 100×80 pixels") as caught:
        stylize_tensors(CONTENT, STYLE, Options(size=64, iterations=1))
    assert [warning.filename for warning in caught] == [__file__]


def test_stylize_does_not_warn_without_a_reason() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stylize_tensors(CONTENT, textured(400, 512, 2), Options(size=64, iterations=1))


def test_images_that_cannot_be_used_are_refused_before_there_are_warnings() -> None:
    with pytest.raises(OptionError, match="content"):
        stylize_tensors(CONTENT[0], STYLE, Options(size=64))
