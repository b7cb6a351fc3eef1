"""The blob store: inputs and results, in a folder or in any object store that obstore supports.

A job's blobs all lie under `jobs/<id>/`. No part of a key ever comes from a client but the job's
id, which the API generates.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

if TYPE_CHECKING:
    from obstore import GetResult


def input_key(job_id: str, name: str) -> str:
    """The key of one of a job's input pictures, by its internal name: `content`, `style-0`."""
    return f"jobs/{job_id}/inputs/{name}"


def job_folder(job_id: str) -> str:
    """The folder of all blobs of a job."""
    return f"jobs/{job_id}"


def result_key(job_id: str, fence: str) -> str:
    """Holds the fence: two workers never write the same result."""
    return f"jobs/{job_id}/results/{fence}.png"


def encoded_key(result_key: str, format_name: str) -> str:
    """A copy of a result in another format than PNG: encoded when it is first requested."""
    folder, _, name = result_key.rpartition("/results/")
    return f"{folder}/encoded/{name.removesuffix('.png')}.{format_name}"


def is_encoded(key: str) -> bool:
    """Whether a blob is such a copy."""
    return "/encoded/" in key


def preview_key(job_id: str, fence: str) -> str:
    """The picture so far, written again and again."""
    return f"jobs/{job_id}/previews/{fence}.jpg"


def losses_key(job_id: str, fence: str) -> str:
    """The loss curves so far, written again and again."""
    return f"jobs/{job_id}/losses/{fence}.json"


def checkpoint_key(job_id: str, fence: str) -> str:
    """Holds the fence, as the result does."""
    return f"{checkpoint_folder(job_id)}/{fence}.pt"


def checkpoint_folder(job_id: str) -> str:
    """The folder of all checkpoints of a job."""
    return f"jobs/{job_id}/checkpoints"


CHUNK_BYTES = 256 * 1024
"""How much of a streamed blob is in memory at a time."""


PAGE_BLOBS = 1000
"""How many blobs are listed at a time."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as a listing has it."""

    key: str
    modified_at: datetime


class BlobStoreRefused(OSError):
    """The folder or the disk of the blob store refuses."""


BLOB_STORE_ERRORS = (BaseError, OSError)
"""What an object store, or the disk of a folder, raises where it refuses."""


@dataclass(frozen=True, slots=True)
class BlobStore:
    """Bytes by key; the same store from synchronous and asynchronous code.

    Attributes:
        folder: where it lies; None for an object store.

    Raises:
        FileNotFoundError: where a blob is read and there is no such key.
        OSError: where the folder or the disk refuses; from asynchronous methods BlobStoreRefused.
        obstore.exceptions.BaseError: where an object store refuses.
    """

    store: ObjectStore
    folder: Path | None = None

    @classmethod
    def open(cls, location: str) -> "BlobStore":
        """The store at a URL; a `file://` folder is made if it is not there."""
        url = urlsplit(location)
        if url.scheme != "file":
            return cls(from_url(location))
        folder = Path(url2pathname(url.path))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(folder, automatic_cleanup=True), folder)

    def put(self, key: str, blob: bytes | Iterator[bytes]) -> None:
        """A blob, whole or in pieces; an error while they come leaves what was there before."""
        obstore.put(self.store, key, blob)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self.store, key).bytes())

    def delete(self, *keys: str) -> None:
        """Deletes them; a key that does not exist is ignored."""
        for key in keys:
            with suppress(FileNotFoundError):
                obstore.delete(self.store, key)

    def keys(self, prefix: str) -> list[str]:
        """Every key in this folder, the newest first."""
        found = list(obstore.list(self.store, prefix=prefix).collect())
        found.sort(key=lambda blob: blob["last_modified"], reverse=True)
        return [blob["path"] for blob in found]

    def pages(self, prefix: str) -> Iterator[list[StoredBlob]]:
        """Every blob in this folder, a page at a time, in no order."""
        for page in obstore.list(self.store, prefix=prefix, chunk_size=PAGE_BLOBS):
            yield [StoredBlob(blob["path"], blob["last_modified"]) for blob in page]

    def delete_old_pieces(self, before: datetime) -> Iterator[None]:
        """Deletes incomplete files of writers that died before a moment, a folder at a time."""
        if self.folder is None:
            return
        for where, _, names in os.walk(self.folder / "jobs"):
            for path in (Path(where, name) for name in names if _PIECE.search(name)):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        _remove_if_empty(path.parent)
            yield

    def delete_pieces(self, job_id: str) -> None:
        """Deletes the incomplete files of writers that died while they wrote a job's blobs; nothing
        may be written any more. In a folder only: an object store lists no incomplete blob."""
        if self.folder is None:
            return
        folder = self.folder / job_folder(job_id)
        for path in sorted(folder.rglob("*"), reverse=True):
            if _PIECE.search(path.name):
                path.unlink(missing_ok=True)
            elif path.is_dir():
                _remove_if_empty(path)
        _remove_if_empty(folder)

    async def put_async(self, key: str, blob: bytes) -> None:
        """A blob, whole."""
        with _refusals():
            await obstore.put_async(self.store, key, blob)

    async def put_file(self, key: str, source: Path) -> None:
        """A file's bytes, streamed: they are never in memory all at once."""
        with _refusals():
            await obstore.put_async(self.store, key, source)

    async def get_file(self, key: str, target: Path) -> None:
        """A blob's bytes into a file, streamed: they are never in memory all at once."""
        chunks = await self.stream(key)
        with target.open("wb") as out:
            async for chunk in chunks:
                await asyncio.to_thread(out.write, chunk)

    async def copy(self, key: str, source: str) -> None:
        """Copies the blob at `source` to `key`."""
        with _refusals():
            await obstore.copy_async(self.store, source, key)

    async def get_async(self, key: str) -> bytes:
        with _refusals():
            answer = await obstore.get_async(self.store, key)
            return bytes(await answer.bytes_async())

    async def size_bytes(self, key: str) -> int:
        """The length of a blob."""
        with _refusals():
            return (await obstore.head_async(self.store, key))["size"]

    async def stream(self, key: str, part: slice | None = None) -> AsyncIterator[bytes]:
        """A blob in chunks, or the part of it from `start` up to `stop`: the store reads no more
        than that. A missing key raises before the first chunk."""
        with _refusals():
            if part is None:
                answer = await obstore.get_async(self.store, key)
            else:
                bounds = (part.start, part.stop)
                answer = await obstore.get_async(self.store, key, options={"range": bounds})
        return _chunks(answer)

    async def delete_job(self, job_id: str) -> None:
        """Deletes all blobs of a job, if there are any."""
        with _refusals():
            for blob in await obstore.list(self.store, prefix=job_folder(job_id)).collect_async():
                with suppress(FileNotFoundError):  # its worker, or another caller, was faster
                    await obstore.delete_async(self.store, blob["path"])

    async def check(self) -> None:
        """Writes and deletes one small blob: raises where the store refuses."""
        key = f"checks/{uuid4().hex}"
        with _refusals():
            await obstore.put_async(self.store, key, b"ready")
            await obstore.delete_async(self.store, key)


async def _chunks(answer: "GetResult") -> AsyncIterator[bytes]:
    with _refusals():
        async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)


@contextmanager
def _refusals() -> Iterator[None]:
    """Distinguishes the errors of the store's own disk from those of other parts of a process."""
    try:
        yield
    except (FileNotFoundError, BlobStoreRefused):
        raise
    except OSError as error:
        raise BlobStoreRefused(error.errno, str(error)) from error


_PIECE = re.compile(r"#\d+$")
"""The suffix of a file that `LocalStore` writes before it renames it; no key has it."""


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
