"""The pictures that come with a job: what each is called, what it is for, how many there may be."""

from dataclasses import dataclass

from pastiche.options import MAX_STYLES


@dataclass(frozen=True, slots=True)
class PictureField:
    """One field of the form whose values are files.

    Attributes:
        description: what the picture is for.
        required: whether a job cannot do without.
        most: how many there may be.
        is_mask: whether only its light counts, not its colour.
        keeps_transparency: whether the result may be as transparent as it is.
    """

    description: str
    required: bool = False
    most: int = 1
    is_mask: bool = False
    keeps_transparency: bool = False


PICTURE_FIELDS: dict[str, PictureField] = {
    "content": PictureField(
        "The content image: the photograph that is to be painted.",
        required=True,
        keeps_transparency=True,
    ),
    "style": PictureField(
        "The style image: the painting. Several are blended, or painted where their masks are.",
        required=True,
        most=MAX_STYLES,
    ),
    "mask": PictureField(
        "Guidance masks over the content image, one for each style in the same order: each style "
        "is painted where its mask is white.",
        most=MAX_STYLES,
        is_mask=True,
    ),
    "style_mask": PictureField(
        "Masks over the style images, one for each in the same order: only what is white counts.",
        most=MAX_STYLES,
        is_mask=True,
    ),
    "start_image": PictureField(
        "What the optimisation starts from; `start` is then `image`. An earlier job's result needs "
        "no upload: `start` takes its id."
    ),
    "content_map": PictureField(
        "How much each place of the content image counts: all of it where it is white, nothing "
        "where it is black.",
        is_mask=True,
    ),
}
"""In the order that their faults are told."""
