"""Direct uploads: a client sends the file of a picture to a signed URL of the object store. The API
checks and stores it when the client reports that it has been sent.

The file is a blob that no picture uses. Before the client can write it, it is put on the list of
the blobs that the reconciler deletes. So it is deleted even if the client never comes back, or
writes it again. The scripts are in `shared/scripts/upload`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.job_store import Argument, Reply, Transition, milliseconds
from shared.uploaded_pictures import UNUSED

URL_SECONDS = 900
"""How long the signed URL is valid: until then, a client may begin to send the file."""

LIFETIME_SECONDS = 3600
"""After how long an upload expires. If it was not completed, the file that was sent is deleted."""


@dataclass(frozen=True, slots=True)
class DirectUpload:
    """An upload that has begun.

    Attributes:
        name: of the picture; '' if it has none.
        blob: the key of the file that the client sends.
        picture_id: of the picture that is stored; '' before that.
    """

    name: str
    blob: str
    picture_id: str


def upload_blob_key(upload_id: str) -> str:
    """The key of the file that the client sends."""
    return f"pictures/uploads/{upload_id}"


def begin(upload_id: str, owner: str, *, name: str, limit: int) -> Transition[float]:
    """Begins an upload. Returns 0, or how many seconds its owner has to wait.

    Args:
        limit: how many uploads an owner may have whose file may still be written or completed.
    """
    arguments: dict[str, Argument] = {
        "id": upload_id,
        "owner": owner,
        "name": name,
        "blob": upload_blob_key(upload_id),
        "lifetime_ms": milliseconds(LIFETIME_SECONDS),
        "url_ms": milliseconds(URL_SECONDS),
        "limit": limit,
    }
    return _on_upload("begin", upload_id, owner, arguments, lambda wait_ms: int(wait_ms) / 1000)


def read(upload_id: str, owner: str) -> Transition[DirectUpload | None]:
    """An owner's upload; None if there is none, or it has expired."""
    return _on_upload("read", upload_id, owner, {"owner": owner}, _read_upload)


def complete(upload_id: str, owner: str, picture_id: str) -> Transition[bool]:
    """Completes an upload, whose picture is stored."""
    arguments: dict[str, Argument] = {"id": upload_id, "picture": picture_id}
    return _on_upload("complete", upload_id, owner, arguments, bool)


def _on_upload(
    script: str,
    upload_id: str,
    owner: str,
    arguments: Mapping[str, Argument],
    read: Callable[[Any], Reply],
) -> Transition[Reply]:
    keys = {
        "upload": f"upload:{{{upload_id}}}",
        "uploads": f"pictures:uploads:{owner}",
        "unused": UNUSED,
    }
    return Transition(f"upload/{script}", keys, arguments, read)


def _read_upload(reply: Sequence[str]) -> DirectUpload | None:
    return DirectUpload(*reply) if reply else None
