"""Pictures that a submission names by a text instead of sending them as files.

The prefix of a reference, up to its colon, selects the function that fetches it.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from api.access.authentication import Access

POSSIBLE = "a file, an https:// URL or a data URI"
"""What the value of a picture field can be, for messages. A data URI is no reference, but a file:
the readers of forms and JSON have decoded it."""


class StoredPicture(NamedTuple):
    """A picture that was normalised before, by its key in the blob store."""

    key: str


Source: TypeAlias = Path | StoredPicture
"""Where a picture is read from: a file, which is decoded within the limits of uploads, or the blob
store."""

Fetch: TypeAlias = Callable[[str, str, Path, Access], Awaitable[Source]]
"""Fetches the picture that a reference names: field, reference, the file to write if one is needed,
caller. Raises InvalidFields, naming the field, if there is no such picture."""


async def fetch_url(field: str, url: str, target: Path, access: Access) -> Path:
    """Fetches the picture that a URL gives."""
    await access.service.remote_pictures.fetch(field, url, target)
    return target


_FETCH: Mapping[str, Fetch] = MappingProxyType({"https": fetch_url, "http": fetch_url})
"""By the prefix of a reference."""


def is_reference(text: str) -> bool:
    """Whether a text has the form of a reference; what it names may not exist."""
    return _prefix(text) in _FETCH


async def fetch_reference(field: str, text: str, target: Path, access: Access) -> Source:
    """The picture that a reference names.

    Args:
        target: a file that may be written for it.

    Raises:
        InvalidFields: there is no such picture, or the caller may not use it.
    """
    return await _FETCH[_prefix(text)](field, text.strip(), target, access)


def _prefix(text: str) -> str:
    return text.partition(":")[0].strip().lower()
