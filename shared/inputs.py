"""The pictures of a job: their form fields, and all pictures of one job."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

from pastiche.options import MAX_STYLES
from shared.stored_json import json_object


@dataclass(frozen=True, slots=True)
class PictureField:
    """A form field whose values are files.

    Attributes:
        most: how many there may be.
        is_mask: whether only its brightness counts, not its colour.
        may_be_dark: whether a mask may be less than half white everywhere.
        keeps_transparency: whether the result may have its transparency.
    """

    description: str
    required: bool = False
    most: int = 1
    is_mask: bool = False
    may_be_dark: bool = False
    keeps_transparency: bool = False


PICTURE_FIELDS: dict[str, PictureField] = {
    "content": PictureField(
        "The content image: the photograph that is to be painted.",
        required=True,
        keeps_transparency=True,
    ),
    "style": PictureField(
        "The style image: the painting. Several styles are blended, or each is painted where its "
        "mask is white.",
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
        "Masks over the style images, one for each style image in the same order: only the white "
        "part of a style image is used.",
        most=MAX_STYLES,
        is_mask=True,
    ),
    "start_image": PictureField(
        "The picture that the optimisation starts from, with `start=image`. To start from the "
        "result of an earlier job, do not upload it: set `start` to the id of the job."
    ),
    "content_map": PictureField(
        "How much each place of the content image counts: fully where the map is white, not where "
        "it is black.",
        is_mask=True,
        may_be_dark=True,
    ),
}
"""In the order in which their errors are reported."""

_SINGLE = ("content", "start_image", "content_map")
_SEVERAL = ("style", "mask", "style_mask")

Picture = TypeVar("Picture")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Inputs(Generic[Picture]):
    """The normalised pictures of a job: as files, as keys in the blob store, or as bytes.

    The fields are those of `PICTURE_FIELDS`.
    """

    content: Picture
    style: tuple[Picture, ...]
    mask: tuple[Picture, ...] = ()
    style_mask: tuple[Picture, ...] = ()
    start_image: Picture | None = None
    content_map: Picture | None = None

    def mapped(self, function: Callable[[Picture], Other]) -> "Inputs[Other]":
        """The same pictures in another form."""

        def map_all(pictures: tuple[Picture, ...]) -> tuple[Other, ...]:
            return tuple(function(picture) for picture in pictures)

        return Inputs(
            content=function(self.content),
            style=map_all(self.style),
            mask=map_all(self.mask),
            style_mask=map_all(self.style_mask),
            start_image=None if self.start_image is None else function(self.start_image),
            content_map=None if self.content_map is None else function(self.content_map),
        )

    def by_field(self) -> "dict[str, list[Picture]]":
        """Every picture, under the name of its field."""
        several = {name: list(getattr(self, name)) for name in _SEVERAL}
        single = {name: getattr(self, name) for name in _SINGLE}
        return several | {n: [] if each is None else [each] for n, each in single.items()}

    def all(self) -> Iterator[Picture]:
        """Every picture."""
        return chain.from_iterable(self.by_field().values())


def inputs_to_json(inputs: Inputs[str]) -> str:
    """The keys of a job's pictures, as its record stores them."""
    return json.dumps(asdict(inputs))


def inputs_from_json(text: str) -> tuple[Inputs[str], dict[str, tuple[str, ...]]]:
    """The keys in a record, and those of the fields that this version does not know.

    Raises:
        TypeError, ValueError: it is not an object of keys.
    """
    fields = {name: _keys(value) for name, value in json_object(text).items()}
    unknown = {name: keys for name, keys in fields.items() if name not in (*_SINGLE, *_SEVERAL)}
    content, start_image, content_map = (next(iter(fields.get(name, ())), None) for name in _SINGLE)
    if content is None:
        raise ValueError("There is no content image.")
    style, mask, style_mask = (fields.get(name, ()) for name in _SEVERAL)
    return Inputs(content, style, mask, style_mask, start_image, content_map), unknown


def _keys(value: Any) -> tuple[str, ...]:
    """The keys of one field, in whatever form: one, several, or None."""
    keys = tuple(value) if isinstance(value, list) else () if value is None else (value,)
    if not all(isinstance(key, str) for key in keys):
        raise TypeError("The value is not a list of keys.")
    return keys
