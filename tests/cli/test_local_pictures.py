"""`--local` reads pictures as the service does, in every field."""

from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from pastiche.cli.local_pictures import encoded, inputs_of, painted_picture
from pastiche.client import InvalidPicture
from pastiche.client.models import Format
from tests import pictures
from tests.library.test_pictures import assert_alike
from tests.picture_cases import CASES, Case

FIELDS = ("content", "style", "start_image", "mask", "style_mask", "content_map")
LIMIT_BYTES = 25_000_000


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_file_is_read_alike_in_every_field(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(case.make())
    images = inputs_of(dict.fromkeys(FIELDS, str(path)), LIMIT_BYTES).images
    assert images.start is not None
    assert images.content_map is not None
    for image in (images.content, *images.styles, images.start):
        assert_alike(image[0].permute(1, 2, 0).numpy() * 255, case.expected_colours())
    for mask in (*images.masks, *images.style_masks, images.content_map):
        assert_alike(mask[0, 0].numpy() * 255, case.expected_mask())


def test_a_damaged_picture_is_refused_with_its_field() -> None:
    given = dict.fromkeys(FIELDS, pictures.jpeg()) | {"mask": pictures.png()[:-200]}
    with pytest.raises(InvalidPicture, match="The mask image is damaged") as caught:
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
