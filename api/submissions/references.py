"""Pictures that a submission names by a text instead of sending them as files.

The prefix of a reference, up to its colon, selects the function that fetches it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from shutil import copyfile
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from anyio import to_thread

from api.access.authentication import Access
from api.http.problems import find_similar
from api.pictures.store import use_picture
from api.styles.catalogue import EXAMPLES
from shared.errors import FieldError, InvalidFields, PicturesLost
from shared.inputs import PICTURE_FIELDS

POSSIBLE = (
    "a file, an https:// URL, a data URI, `picture:<id>` of an uploaded picture, or a style such "
    "as `example:wave`"
)
"""What the value of a picture field can be, for messages. A data URI counts as a file:
the readers of forms and JSON have decoded it."""

_PHOTOGRAPHS = {
    f"example:{path.stem}": path for path in sorted((EXAMPLES / "content").glob("*.jpg"))
}
"""The example photographs, beside the styles on the service's disk. `GET /styles` omits them."""

_SHOWN = 5
"""How many styles an error lists."""


class StoredPicture(NamedTuple):
    """A picture that was normalised before.

    Attributes:
        key: in the blob store.
        size: height and width in pixels; None if they are not known.
    """

    key: str
    size: tuple[int, int] | None = None


Source: TypeAlias = Path | StoredPicture
"""Where a picture is read from: a file, which is decoded within the limits of uploads, or the blob
store."""

Fetch: TypeAlias = Callable[[str, str, Path, Access], Awaitable[Source]]
"""Fetches the picture that a reference names: field, reference, the file to write if one is needed,
caller. Raises InvalidFields, naming the field, if the picture does not exist."""


async def fetch_url(field: str, url: str, target: Path, access: Access) -> Path:
    """Fetches the picture at a URL."""
    await access.service.remote_pictures.fetch(field, url, target)
    return target


async def fetch_uploaded(field: str, text: str, target: Path, access: Access) -> Source:
    """The picture that `picture:<id>` names. It is decoded again only if the field needs other
    pixels than the stored ones."""
    picture = await use_picture(field, text.partition(":")[2].strip(), access)
    needs = PICTURE_FIELDS[field]
    is_ready = needs.keeps_transparency or not picture.is_transparent
    if is_ready and not needs.is_mask:
        return StoredPicture(picture.blob, (picture.height, picture.width))
    try:
        await access.service.blobs.get_file(picture.blob, target)
    except FileNotFoundError as error:
        raise make_lost_error(field) from error
    return target


async def fetch_style(field: str, reference: str, target: Path, access: Access) -> Path:
    """Copies a style, `example:wave` or `style:monet`, or an example photograph to a file.

    Raises:
        InvalidFields: it does not exist.
    """
    reference = reference.strip().lower()
    styles = await access.service.styles.find_files()
    paths = {name: style.path for name, style in styles.items()} | _PHOTOGRAPHS
    try:
        if reference not in paths:
            raise FileNotFoundError(reference)
        await to_thread.run_sync(copyfile, paths[reference], target)
    except OSError as error:
        sentence = f"There is no style {reference!r}. {_suggest(reference, paths)}"
        raise InvalidFields([FieldError(field, "style_not_found", sentence)]) from error
    return target


_FETCH: Mapping[str, Fetch] = MappingProxyType(
    {
        "https": fetch_url,
        "http": fetch_url,
        "picture": fetch_uploaded,
        "example": fetch_style,
        "style": fetch_style,
    }
)
"""The function that fetches a reference, by its prefix."""


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference; what it names may not exist."""
    return _get_prefix(text) in _FETCH


def make_lost_error(field: str) -> PicturesLost:
    """The error of a stored picture that the store no longer has."""
    return PicturesLost(f"The store no longer has the picture for {field}: send one.")


async def fetch_reference(field: str, text: str, target: Path, access: Access) -> Source:
    """The picture that a reference names.

    Args:
        target: a file that may be written for it.

    Raises:
        InvalidFields: the picture does not exist, or the caller may not use it.
    """
    return await _FETCH[_get_prefix(text)](field, text.strip(), target, access)


def _get_prefix(text: str) -> str:
    return text.partition(":")[0].strip().lower()


def _suggest(reference: str, known: Iterable[str]) -> str:
    """The style with the most similar name, or a few if none is similar."""
    names = {each.partition(":")[2]: each for each in known}
    similar = find_similar(reference.partition(":")[2], names)
    if similar is not None:
        return f"Did you mean `{names[similar]}`?"
    examples = ", ".join(f"`{each}`" for each in list(names.values())[:_SHOWN])
    return f"There are {examples} and others: `GET /styles` lists them."
