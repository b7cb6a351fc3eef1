"""The blob store: inputs and results, in a folder or in any object store that obstore supports.

All blobs of a job are under `jobs/<id>/`, uploaded pictures under `pictures/`. No part of a key
comes from a client.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

if TYPE_CHECKING:
    from obstore import Attributes, GetResult, ObjectMeta
    from obstore.store import RetryConfig


def input_key(job_id: str, name: str) -> str:
    """The key of one of a job's input pictures, by its internal name: `content`, `style-0`."""
    return f"jobs/{job_id}/inputs/{name}"


def job_folder(job_id: str) -> str:
    """The folder of all blobs of a job."""
    return f"jobs/{job_id}"


def result_key(job_id: str, fence: str) -> str:
    """The key of a result. It contains the fence, so two workers never write the same result."""
    return f"jobs/{job_id}/results/{fence}.png"


def promoted_key(job_id: str, fence: str) -> str:
    """The key of the last preview of a job that is over, as its result. It is not the key with only
    the fence: the job's worker may still write and delete that blob."""
    return result_key(job_id, f"{fence}-finished")


def is_promoted(key: str) -> bool:
    """Whether a blob is a preview that became a result."""
    return key.endswith("-finished.png")


def encoded_key(result_key: str, format_name: str) -> str:
    """The key of a copy of a result in another format than PNG, encoded at the first request."""
    folder, _, name = result_key.rpartition("/results/")
    return f"{folder}/encoded/{name.removesuffix('.png')}.{format_name}"


def is_encoded(key: str) -> bool:
    """Whether a blob is a copy of a result in another format."""
    return "/encoded/" in key


def preview_key(job_id: str, fence: str) -> str:
    """The key of the picture so far, which is overwritten repeatedly."""
    return f"jobs/{job_id}/previews/{fence}.jpg"


def losses_key(job_id: str, fence: str) -> str:
    """The key of the loss curves so far, which are overwritten repeatedly."""
    return f"jobs/{job_id}/losses/{fence}.json"


def checkpoint_key(job_id: str, fence: str) -> str:
    """The key of an attempt's checkpoint. It contains the fence, like the key of a result."""
    return f"{checkpoint_folder(job_id)}/{fence}.pt"


def checkpoint_folder(job_id: str) -> str:
    """The folder of all checkpoints of a job."""
    return f"jobs/{job_id}/checkpoints"


_RESULT_KEY = re.compile(r"jobs/([^/]+)/(?:results|encoded)/[^/]+\.([a-z]+)")


def result_headers(key: str) -> "Attributes":
    """The headers that describe the result at a key, whether the API or an object store sends it.
    Other blobs have none, because an object store does not send them to clients."""
    match = _RESULT_KEY.fullmatch(key)
    if match is None:
        return {}
    job_id, format_name = match.groups()
    return {
        "Content-Type": f"image/{format_name}",
        "Content-Disposition": f'inline; filename="pastiche-{job_id}.{format_name}"',
    }


CHUNK_BYTES = 256 * 1024
"""How much of a streamed blob is in memory at a time."""

UPLOAD_PARTS = 4
"""How many parts of a file, of 5 MB, are in memory at a time while it is written."""

PAGE_BLOBS = 1000
"""How many blobs are listed at a time."""


_ENVIRONMENT_PREFIXES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
"""The prefixes of the variables from which obstore configures a store, by the scheme of its URL."""

_TIMEOUTS = {"TIMEOUT": "1 h", "READ_TIMEOUT": "30 s"}
"""How long a request to an object store may take, and how long the store may send nothing. A result
is sent only as fast as its reader reads it: obstore's default, 30 s in total, would cut it off."""

_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
"""Short, because clients are waiting. A worker repeats the whole request for a minute."""


class BlobStoreFailed(OSError):
    """The folder of the blob store cannot be read or written."""


BLOB_STORE_ERRORS = (BaseError, OSError)
"""What an object store, or the disk of a folder, raises if it fails."""


@dataclass(frozen=True, slots=True)
class BlobStore:
    """Bytes by key; the same store from synchronous and asynchronous code.

    Attributes:
        folder: of a store on a disk; None for an object store.

    Raises:
        FileNotFoundError: there is no blob with the key that is read.
        OSError: the folder or the disk fails; from asynchronous methods BlobStoreFailed.
        obstore.exceptions.BaseError: the object store fails.
    """

    store: ObjectStore
    folder: Path | None = None

    @classmethod
    def open(cls, location: str) -> "BlobStore":
        """The store at a URL; a `file://` folder is created if it does not exist."""
        url = urlsplit(location)
        if url.scheme != "file":
            _set_default_timeouts(url.scheme)
            return cls(from_url(location, retry_config=_RETRIES))
        folder = Path(url2pathname(url.path))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(folder, automatic_cleanup=True), folder)

    def put(self, key: str, blob: bytes | Iterator[bytes]) -> None:
        """Writes a blob, whole or in pieces; if an error interrupts them, the old blob stays."""
        obstore.put(self.store, key, blob, attributes=self._attributes(key))

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self.store, key).bytes())

    def delete(self, *keys: str) -> None:
        """Deletes blobs; a key that does not exist is ignored."""
        for key in keys:
            with suppress(FileNotFoundError):
                obstore.delete(self.store, key)

    def keys(self, prefix: str) -> list[str]:
        """Every key in this folder, the newest first."""
        found = list(obstore.list(self.store, prefix=prefix).collect())
        found.sort(key=lambda blob: blob["last_modified"], reverse=True)
        return [blob["path"] for blob in found]

    def pages(self, prefix: str) -> "Iterator[Sequence[ObjectMeta]]":
        """Every blob in this folder, a page at a time, in no particular order."""
        return obstore.list(self.store, prefix=prefix, chunk_size=PAGE_BLOBS)

    def delete_old_pieces(self, before: datetime) -> Iterator[None]:
        """Deletes incomplete files of writers that died before a moment, one folder at a time."""
        if self.folder is None:
            return
        folders = (os.walk(self.folder / name) for name in ("jobs", "pictures"))
        for folder, _, names in chain.from_iterable(folders):
            for path in (Path(folder, name) for name in names if _PIECE.search(name)):
                if _delete_piece(path, before):
                    _remove_if_empty(path.parent)
            yield

    def delete_pieces(self, job_id: str, before: datetime | None = None) -> None:
        """Deletes the incomplete files of writers that died while they wrote a job's blobs. Only in
        a folder: an object store does not list incomplete blobs.

        Args:
            before: files that were last written after this are not deleted, because they may still
                be in use. None to delete all.
        """
        if self.folder is None:
            return
        folder = self.folder / job_folder(job_id)
        for path in sorted(folder.rglob("*"), reverse=True):
            if _PIECE.search(path.name):
                _delete_piece(path, before)
            elif path.is_dir():
                _remove_if_empty(path)
        _remove_if_empty(folder)

    async def put_async(self, key: str, blob: bytes) -> None:
        """Writes a blob."""
        with _mark_failures():
            await obstore.put_async(self.store, key, blob, attributes=self._attributes(key))

    async def put_file(self, key: str, source: Path) -> None:
        """Writes the bytes of a file, streamed: they are never in memory all at once."""
        with _mark_failures():
            attributes = self._attributes(key)
            await obstore.put_async(
                self.store, key, source, attributes=attributes, max_concurrency=UPLOAD_PARTS
            )

    async def get_file(self, key: str, target: Path, part: slice | None = None) -> None:
        """Writes a blob, or a part of it, into a file, streamed: its bytes are never in memory all
        at once."""
        chunks = await self.stream(key, part)
        with target.open("wb") as out:
            async for chunk in chunks:
                await asyncio.to_thread(out.write, chunk)

    async def copy(self, key: str, source: str) -> None:
        """Copies the blob at `source` to `key`. Streams it if the store cannot copy, for example on
        a disk without hard links."""
        with _mark_failures():
            try:
                await obstore.copy_async(self.store, source, key)
            except FileNotFoundError:
                raise
            except BLOB_STORE_ERRORS:
                chunks = await self.stream(source)
                attributes = self._attributes(key)
                await obstore.put_async(
                    self.store, key, chunks, attributes=attributes, max_concurrency=UPLOAD_PARTS
                )

    async def get_async(self, key: str) -> bytes:
        with _mark_failures():
            answer = await obstore.get_async(self.store, key)
            return bytes(await answer.bytes_async())

    async def size_bytes(self, key: str) -> int:
        """The length of a blob."""
        with _mark_failures():
            return (await obstore.head_async(self.store, key))["size"]

    async def stream(self, key: str, part: slice | None = None) -> AsyncIterator[bytes]:
        """A blob in chunks, or only the part of it from `start` to `stop`. A missing key raises
        before the first chunk."""
        with _mark_failures():
            if part is None:
                answer = await obstore.get_async(self.store, key)
            else:
                bounds = (part.start, part.stop)
                answer = await obstore.get_async(self.store, key, options={"range": bounds})
        return _chunks(answer)

    async def delete_job(self, job_id: str) -> None:
        """Deletes all blobs of a job, if there are any."""
        with _mark_failures():
            for blob in await obstore.list(self.store, prefix=job_folder(job_id)).collect_async():
                with suppress(FileNotFoundError):  # its worker, or another caller, deleted it
                    await obstore.delete_async(self.store, blob["path"])

    async def delete_async(self, key: str) -> None:
        """Deletes a blob; a key that does not exist is ignored."""
        with _mark_failures(), suppress(FileNotFoundError):
            await obstore.delete_async(self.store, key)

    async def sign_read(self, key: str, seconds: int) -> str:
        """A URL of an object store with which anybody can read a blob for a while."""
        store = self.store
        assert isinstance(store, S3Store | GCSStore | AzureStore), "refused by the settings"
        return await obstore.sign_async(store, "GET", key, timedelta(seconds=seconds))

    async def sign_write(self, key: str, seconds: int) -> str | None:
        """A URL to which anybody can write a blob for a while; None if the store has no such URLs,
        or, like Azure, needs more than the URL."""
        if not isinstance(self.store, S3Store | GCSStore):
            return None
        return await obstore.sign_async(self.store, "PUT", key, timedelta(seconds=seconds))

    async def find_origin(self) -> str:
        """The origin of every signed URL, such as `https://bucket.example`."""
        url = urlsplit(await self.sign_read("any", 1))
        return f"{url.scheme}://{url.netloc}"

    async def check(self) -> None:
        """Writes and deletes a small blob; raises if the store fails."""
        key = f"checks/{uuid4().hex}"
        with _mark_failures():
            await obstore.put_async(self.store, key, b"ready")
            await obstore.delete_async(self.store, key)

    def _attributes(self, key: str) -> "Attributes | None":
        """The headers that an object store sends with a blob; a folder sends none."""
        return None if self.folder is not None else result_headers(key)


async def _chunks(answer: "GetResult") -> AsyncIterator[bytes]:
    with _mark_failures():
        async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)


@contextmanager
def _mark_failures() -> Iterator[None]:
    """Distinguishes errors of the store's disk from those of other parts of a process."""
    try:
        yield
    except (FileNotFoundError, BlobStoreFailed):
        raise
    except OSError as error:
        raise BlobStoreFailed(error.errno, str(error)) from error


def _set_default_timeouts(scheme: str) -> None:
    """Sets them in the environment: options that are passed to obstore replace everything that it
    reads there, such as the operator's proxy or certificates."""
    prefix = _ENVIRONMENT_PREFIXES.get(scheme)
    for name, limit in _TIMEOUTS.items() if prefix else ():
        os.environ.setdefault(f"{prefix}_{name}", limit)


_PIECE = re.compile(r"#\d+$")
"""The suffix of a file that `LocalStore` writes before it renames it; no key has it."""


def _delete_piece(path: Path, before: datetime | None) -> bool:
    """Deletes an incomplete file, unless it was written after `before`. Returns whether it did."""
    try:
        if before is not None and path.stat().st_mtime >= before.timestamp():
            return False
        path.unlink()
    except FileNotFoundError:  # it is complete now, or somebody else deleted it
        return False
    return True


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
