"""Pictures for the engine in this process, read as the service reads them. Loads torch."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from pastiche.client import UnusablePicture
from pastiche.client.pictures import Picture, uploads
from pastiche.client.records import Format
from pastiche.engine.images import from_pil, mask_from_pil, to_pil
from pastiche.engine.inputs import Inputs

_MASKS = ("mask", "style_mask", "content_map")
_TAKEN = ("JPEG", "PNG", "WEBP", "AVIF")
_SAVED: Mapping[Format, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92},
}


def inputs_of(
    pictures: Mapping[str, Picture | Sequence[Picture] | None], limit_bytes: int
) -> Inputs:
    """The images that one pastiche is made from, by the names of the form's fields.

    Raises:
        UnusablePicture: one cannot be read.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in pictures}
    for field, data in uploads(pictures, limit_bytes):
        found[field].append(_tensor(field, data))
    return Inputs(
        content=found["content"][0],
        styles=tuple(found["style"]),
        masks=tuple(found["mask"]),
        style_masks=tuple(found["style_mask"]),
        start=next(iter(found["start_image"]), None),
        content_map=next(iter(found["content_map"]), None),
    )


def encoded(picture: Tensor, wanted: Format) -> bytes:
    """A picture, (1, 3, H, W), as a file."""
    out = BytesIO()
    to_pil(picture).save(out, wanted.upper(), **_SAVED[wanted])
    return out.getvalue()


def _tensor(field: str, data: bytes) -> Tensor:
    try:
        with Image.open(BytesIO(data), formats=_TAKEN) as opened:
            plain = _on_white(_in_srgb(ImageOps.exif_transpose(opened)))
    # Decoders raise every kind of error on broken bytes.
    except Exception as error:
        sentence = f"The {field} image is damaged or cut off: it cannot be decoded."
        raise UnusablePicture(field, sentence) from error
    return mask_from_pil(plain) if field in _MASKS else from_pil(plain)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The picture in sRGB, where it says in which colours it is."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except ImageCms.PyCMSError:  # a profile that is none: its numbers are taken for sRGB
        return picture
    assert converted is not None
    return converted


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    layers = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
