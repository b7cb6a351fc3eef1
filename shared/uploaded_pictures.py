"""Uploaded pictures: sent once, used in many jobs, and deleted once they are no longer used.

The record of a picture names its blob. The key of a blob is used only once, so that no picture can
lose its blob through a concurrent request. The scripts are in `shared/scripts/picture`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from shared.job_store import Argument, Reply, Transition, milliseconds, read_moment
from shared.settings import Settings

GRACE_SECONDS = 60
"""How long after its blob a picture's record may be written."""

UNUSED = "pictures:unused"
"""Sorted set: the keys of blobs that no picture uses, by when they are to be deleted."""

UNDELETED = "pictures:undeleted"
"""Sorted set: the keys of unused blobs that could not be deleted, by when that is tried again."""

_KEYS = {
    "index": "pictures:index",
    "expiry": "pictures:expiry",
    "unused": UNUSED,
    "undeleted": UNDELETED,
}

_PICTURE_ID = re.compile(r"[0-9a-f]{32}")
_ID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPicture:
    """The record of an uploaded picture.

    Attributes:
        id: a hash of its owner and its content.
        name: the name that its owner gave it; '' if it has none.
        width: in pixels.
        height: in pixels.
        size_bytes: of its blob.
        is_transparent: whether some of its pixels are.
        blob: the key of its blob, a lossless WebP file.
    """

    id: str
    owner: str
    name: str
    width: int
    height: int
    size_bytes: int
    is_transparent: bool
    blob: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How long, and how many, pictures are retained.

    Attributes:
        retention_hours: after their last use.
        per_owner: beyond this number, an owner's least recently used pictures are deleted.
        in_all: the same for the pictures of all owners.
    """

    retention_hours: float
    per_owner: int
    in_all: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "PictureLimits":
        return cls(
            settings.picture_retention_hours,
            settings.kept_pictures_per_owner,
            settings.kept_pictures,
        )

    @property
    def retention_ms(self) -> int:
        return milliseconds(self.retention_hours * 3600)


@dataclass(frozen=True, slots=True)
class PicturePage:
    """A part of an owner's list of pictures.

    Attributes:
        pictures: the newest first.
        rest: the place after which the list continues; None at its end.
    """

    pictures: list[UploadedPicture]
    rest: str | None


@dataclass(frozen=True, slots=True)
class PictureUpload:
    """The outcome of an upload.

    Attributes:
        is_new: whether its owner did not have the picture before; otherwise its blob is unused.
    """

    is_new: bool
    picture: UploadedPicture


@dataclass(frozen=True, slots=True)
class PictureContent:
    """What is known about the file of a picture.

    Attributes:
        digest: a hash that is the same for the same pixels.
        is_transparent: whether some of its pixels are.
    """

    digest: str
    width: int
    height: int
    size_bytes: int
    is_transparent: bool


def is_picture_id(text: str) -> bool:
    """Whether `text` has the form of a picture's id."""
    return _PICTURE_ID.fullmatch(text) is not None


def make_picture_id(owner: str, digest: str) -> str:
    """The id of a picture: the same for the same pixels of the same owner. It does not reveal what
    others have uploaded."""
    return sha256(f"{owner} {digest}".encode()).hexdigest()[:_ID_DIGITS]


def record_key(picture_id: str) -> str:
    """The key of a picture's record."""
    return f"picture:{{{picture_id}}}"


def new_blob_key(picture_id: str) -> str:
    """A key for the blob of a picture. No part of it comes from a client."""
    return f"pictures/{picture_id}-{token_hex(8)}.webp"


def begin_upload(picture_id: str, owner: str, blob: str) -> Transition[bool]:
    """Notes that the blob of a picture is about to be written."""
    arguments: dict[str, Argument] = {"blob": blob, "grace_ms": milliseconds(GRACE_SECONDS)}
    return _on_picture("begin_upload", picture_id, owner, arguments, bool)


def store(
    picture_id: str,
    owner: str,
    *,
    name: str,
    content: PictureContent,
    blob: str,
    limits: PictureLimits,
) -> Transition[PictureUpload | None]:
    """Stores a picture whose blob is written. Returns None if that took so long that the blob may
    have been deleted."""
    arguments: dict[str, Argument] = {
        "id": picture_id,
        "owner": owner,
        "name": name,
        "width": content.width,
        "height": content.height,
        "bytes": content.size_bytes,
        "transparent": int(content.is_transparent),
        "blob": blob,
        "retention_ms": limits.retention_ms,
        "per_owner": limits.per_owner,
        "in_all": limits.in_all,
    }
    return _on_picture("store", picture_id, owner, arguments, _read_stored)


def read(picture_id: str, owner: str) -> Transition[UploadedPicture | None]:
    """An owner's picture; None if there is none, or it has expired."""
    return _on_picture("read", picture_id, owner, {"owner": owner}, _read_picture)


def renew(
    picture_id: str, owner: str, limits: PictureLimits, *, name: str = ""
) -> Transition[UploadedPicture | None]:
    """An owner's picture, as `read` returns it, which is now retained for longer: it is used.

    Args:
        name: its new name; '' if it stays as it is.
    """
    arguments: dict[str, Argument] = {
        "id": picture_id,
        "owner": owner,
        "retention_ms": limits.retention_ms,
        "name": name,
    }
    return _on_picture("renew", picture_id, owner, arguments, _read_picture)


def delete(picture_id: str, owner: str, blob: str) -> Transition[bool]:
    """Deletes an owner's picture if it has this blob. Returns whether it had."""
    arguments: dict[str, Argument] = {"id": picture_id, "owner": owner, "blob": blob}
    return _on_picture("delete", picture_id, owner, arguments, bool)


def list_pictures(
    owner: str, *, before: str, limit: int, most: int, only_named: bool = False
) -> Transition[PicturePage]:
    """The newest pictures of an owner.

    Args:
        before: the place after which the list continues; empty for its beginning.
        most: how many are read at most.
    """
    arguments: dict[str, Argument] = {
        "owner": owner,
        "before": before,
        "limit": limit,
        "only_named": int(only_named),
        "most": most,
    }
    return Transition("picture/list", _KEYS, arguments, _read_page)


def expire(*, limit: int) -> Transition[list[str]]:
    """Deletes pictures that have expired. Returns the keys of blobs that no picture uses.

    Args:
        limit: how many of each at most.
    """
    return Transition("picture/expire", _KEYS, {"limit": limit}, list)


def note_deletions(
    deleted: Sequence[str], failed: Sequence[str], *, retry_seconds: float
) -> Transition[bool]:
    """Notes which blobs that no picture uses were deleted, and which could not be.

    Args:
        retry_seconds: after how long the blobs that could not be deleted are listed again.
    """
    arguments: dict[str, Argument] = {
        "deleted": json.dumps(deleted),
        "failed": json.dumps(failed),
        "delay_ms": milliseconds(retry_seconds),
    }
    return Transition("picture/note_deletions", _KEYS, arguments, bool)


def _on_picture(
    script: str,
    picture_id: str,
    owner: str,
    arguments: Mapping[str, Argument],
    read: Callable[[Any], Reply],
) -> Transition[Reply]:
    owned = f"{_KEYS['expiry']}:{owner}"
    keys = {"picture": record_key(picture_id), "owned": owned, **_KEYS}
    return Transition(f"picture/{script}", keys, arguments, read)


def _read_stored(reply: Sequence[Any]) -> PictureUpload | None:
    outcome, *fields = reply
    if outcome == "late":
        return None
    picture = _read_picture(fields[0])
    assert picture is not None
    return PictureUpload(outcome == "stored", picture)


def _read_page(reply: tuple[str, list[Sequence[str]]]) -> PicturePage:
    rest, replies = reply
    pictures = (_read_picture(each) for each in replies)
    return PicturePage([each for each in pictures if each is not None], rest or None)


def _read_picture(flat: Sequence[str]) -> UploadedPicture | None:
    if not flat:
        return None
    record = dict(zip(flat[::2], flat[1::2], strict=True))
    return UploadedPicture(
        id=record["id"],
        owner=record["owner"],
        name=record["name"],
        width=int(record["width"]),
        height=int(record["height"]),
        size_bytes=int(record["bytes"]),
        is_transparent=record["transparent"] == "1",
        blob=record["blob"],
        created_at=read_moment(record["created_ms"]),
        expires_at=read_moment(record["expires_ms"]),
    )
