"""The pairs of a batch: every content image with every style image, a job for each."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import FormData, UploadFile

from shared.errors import FieldError
from shared.inputs import PICTURE_FIELDS
from shared.jobs import is_job_id

PAIRED_FIELDS = ("content", "style")
"""The picture fields of a batch. The others belong to one pair of images."""

_MAX_NAME_CHARACTERS = 100


class Pair(NamedTuple):
    """The files of one pair by field, and the names of its two images."""

    files: Mapping[str, Sequence[Path]]
    content: str | None = None
    style: str | None = None


def check_batch(form: FormData) -> list[FieldError]:
    """The errors of fields that belong to one pair of images."""
    refused = [name for name in PICTURE_FIELDS if name in form and name not in PAIRED_FIELDS]
    if "pictures_of" in form:
        refused.append("pictures_of")
    start = str(form.get("start", "")).strip()
    if start == "image" or is_job_id(start):
        refused.append("start")
    sentence = "A batch cannot have this: it belongs to one pair of images."
    return [FieldError(name, "not_in_batches", sentence) for name in refused]


def make_pairs(form: FormData, files: Mapping[str, Sequence[Path]]) -> list[Pair]:
    """Every content image with every style image, the pairs of the first content image first."""
    named = [
        list(zip(name_pictures(field, form.getlist(field)), files[field], strict=True))
        for field in PAIRED_FIELDS
    ]
    return [
        Pair({**files, "content": [content], "style": [style]}, content_name, style_name)
        for (content_name, content), (style_name, style) in product(*named)
    ]


def name_pictures(field: str, values: Sequence[UploadFile | str]) -> list[str]:
    """A name for each picture of a field: the file's or the URL's, without folders, or else the
    field's. If two names are the same, all get a number."""
    names = []
    for value in values:
        given = urlsplit(value).path if isinstance(value, str) else value.filename or ""
        name = "".join(filter(str.isprintable, PureWindowsPath(given).name)).strip() or field
        names.append(name[:_MAX_NAME_CHARACTERS])
    if len(set(names)) < len(names):
        names = [f"{number} {name}" for number, name in enumerate(names, start=1)]
    return names


def locate(sentence: str, index: int, count: int) -> str:
    """Adds to a sentence which of a field's pictures it is about, if there are several."""
    return f"Picture {index + 1}: {sentence}" if count > 1 else sentence
