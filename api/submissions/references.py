"""Pictures that a submission names by a text instead of sending them as files.

The prefix of a reference, up to its colon, selects the function that fetches it.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from api.access.authentication import Access

POSSIBLE = "a file"
"""What the value of a picture field can be, for messages."""


class StoredPicture(NamedTuple):
    """A picture that was normalised before, by its key in the blob store."""

    key: str


Source: TypeAlias = Path | StoredPicture
"""Where a picture is read from: a file, which is decoded within the limits of uploads and never
deleted, or the blob store."""

Fetch: TypeAlias = Callable[[str, str, Path, Access], Awaitable[Source]]
"""Fetches the picture that a reference names: field, reference, the file to write if one is needed,
caller. Raises InvalidFields, naming the field, if there is no such picture."""

_FETCH: Mapping[str, Fetch] = MappingProxyType({})
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
    return await _FETCH[_prefix(text)](field, text, target, access)


def _prefix(text: str) -> str:
    return text.partition(":")[0].strip().lower()
