"""Reads and encodes pictures for `--local` as the service does. Loads torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from torch import Tensor

from pastiche.client import InvalidPicture
from pastiche.client.models import Format
from pastiche.client.requests import read_uploads
from pastiche.engine.images import read_image, read_mask, to_pil
from pastiche.engine.inputs import Inputs
from pastiche.picture_sources import Pictures, UnreadablePicture
from pastiche.pictures import apply_transparency, on_white, read_picture

_MASKS = ("mask", "style_mask", "content_map")
_SAVED: Mapping[Format, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92},
}


@dataclass(frozen=True, slots=True)
class LocalInputs:
    """The images of one pastiche.

    Attributes:
        content: the content image with its transparency.
    """

    images: Inputs
    content: Image.Image


def inputs_of(pictures: Mapping[str, Pictures | None], limit_bytes: int) -> LocalInputs:
    """Reads the images, by the names of the form's fields.

    Raises:
        InvalidPicture: an image cannot be read.
    """
    found: dict[str, list[Image.Image]] = {name: [] for name in pictures}
    for field, data in read_uploads(pictures, limit_bytes):
        try:
            found[field].append(read_picture(data, f"The {field} image"))
        except UnreadablePicture as error:
            raise InvalidPicture(field, str(error)) from error
    tensors = {
        field: [read_mask(each) if field in _MASKS else read_image(each) for each in images]
        for field, images in found.items()
    }
    content = found["content"][0]
    images = Inputs(
        content=tensors["content"][0],
        styles=tuple(tensors["style"]),
        masks=tuple(tensors["mask"]),
        style_masks=tuple(tensors["style_mask"]),
        start=next(iter(tensors["start_image"]), None),
        content_map=next(iter(tensors["content_map"]), None),
    )
    return LocalInputs(images, content)


def painted_picture(
    picture: Tensor, content: Image.Image, *, keep_transparency: bool
) -> Image.Image:
    """Converts a pastiche, (1, 3, H, W); on request, as transparent as its content image."""
    painted = to_pil(picture)
    return apply_transparency(painted, content) if keep_transparency else painted


def encoded(picture: Image.Image, file_format: Format) -> bytes:
    """Encodes a picture as a file; on white as JPEG, which has no transparency."""
    out = BytesIO()
    shown = on_white(picture) if file_format == "jpeg" else picture
    shown.save(out, file_format.upper(), **_SAVED[file_format])
    return out.getvalue()
