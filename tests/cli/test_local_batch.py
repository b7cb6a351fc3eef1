"""Which pictures `--local` rejects, and how it encodes them."""

from io import BytesIO

import pytest
from PIL import Image

from pastiche.cli.local_batch import encode, read_inputs
from pastiche.client import InvalidPicture
from pastiche.client.models import Format
from tests import pictures
from tests.picture_doors import FIELDS

LIMIT_BYTES = 25_000_000


def test_a_damaged_picture_is_refused_with_its_field() -> None:
    given = dict.fromkeys(FIELDS, pictures.jpeg()) | {"mask": pictures.png()[:-200]}
    with pytest.raises(InvalidPicture, match="The mask image is damaged") as caught:
        read_inputs(given, LIMIT_BYTES)
    assert caught.value.field == "mask"


@pytest.mark.parametrize(
    ("file_format", "mode", "right"),
    [
        ("png", "RGBA", (0, 0, 0, 0)),
        ("webp", "RGBA", (0, 0, 0, 0)),
        ("jpeg", "RGB", (255, 255, 255, 255)),
    ],
)
def test_a_transparent_picture_is_white_as_jpeg_alone(
    file_format: Format, mode: str, right: tuple[int, ...]
) -> None:
    halves = pictures.halves((255, 0, 0, 255), (0, 0, 0, 0), "RGBA")
    with Image.open(BytesIO(encode(halves, file_format, "{}"))) as picture:
        assert picture.mode == mode
        assert picture.convert("RGBA").getpixel((60, 16)) == right
