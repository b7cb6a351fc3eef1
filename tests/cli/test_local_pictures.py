"""What `--local` refuses, and how transparent its pictures are."""

from io import BytesIO

import pytest
import torch
from PIL import Image

from pastiche.cli.local_pictures import encoded, inputs_of, painted_picture
from pastiche.client import UnusablePicture
from pastiche.client.records import Format
from tests import pictures
from tests.picture_doors import FIELDS

LIMIT_BYTES = 25_000_000


def test_a_damaged_picture_is_refused_with_its_field() -> None:
    given = dict.fromkeys(FIELDS, pictures.jpeg()) | {"mask": pictures.png()[:-200]}
    with pytest.raises(UnusablePicture, match="The mask image is damaged") as caught:
        inputs_of(given, LIMIT_BYTES)
    assert caught.value.field == "mask"


@pytest.mark.parametrize(
    ("file_format", "keep_transparency", "mode"),
    [("png", True, "RGBA"), ("webp", True, "RGBA"), ("jpeg", True, "RGB"), ("png", False, "RGB")],
)
def test_a_picture_is_as_transparent_as_it_is_asked_for(
    file_format: Format, keep_transparency: bool, mode: str
) -> None:
    content = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    painted = painted_picture(
        torch.zeros(1, 3, 32, 64), content, keep_transparency=keep_transparency
    )
    with Image.open(BytesIO(encoded(painted, file_format))) as picture:
        assert picture.mode == mode
        shown = picture.convert("RGBA")
    right = shown.getpixel((60, 16))
    assert isinstance(right, tuple)
    expected = {("jpeg", True): (255, 255, 255, 255), ("png", False): (0, 0, 0, 255)}
    if (file_format, keep_transparency) in expected:
        assert right == expected[file_format, keep_transparency]
    else:
        assert right[3] == 0
