"""The blob store in a folder: blobs are written, read, listed, copied and deleted."""

import asyncio
import errno
import os
import re
import sys
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
import pytest

from shared.blob_store import (
    CHUNK_BYTES,
    BlobStore,
    BlobStoreFailed,
    checkpoint_key,
    input_key,
    result_key,
)
from shared.jobs import new_job_id


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "some blobs").as_uri())


def test_a_blob_that_was_written_can_be_read(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", b"bytes")
    assert blobs.get("jobs/a/x") == b"bytes"
    assert asyncio.run(blobs.get_async("jobs/a/x")) == b"bytes"
    asyncio.run(blobs.put_async("jobs/a/x", b"others"))
    assert blobs.get("jobs/a/x") == b"others"


def test_a_file_is_stored_unchanged(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(12_000_000))
    asyncio.run(blobs.put_file("jobs/a/x", source))
    assert blobs.get("jobs/a/x") == bytes(12_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="It needs a second file system.")
def test_a_blob_is_copied_where_the_disk_has_no_hard_link_for_it(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", bytes(12_000_000))
    assert blobs.folder is not None
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (blobs.folder / "jobs/b").symlink_to(elsewhere)
        asyncio.run(blobs.copy("jobs/b/x", "jobs/a/x"))
        assert blobs.get("jobs/b/x") == bytes(12_000_000)


def test_a_range_reads_no_more_than_it_names(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", bytes(range(256)) * 40_000)
    assert asyncio.run(streamed(blobs, slice(254, 264))) == [bytes((254, 255, *range(8)))]


def test_a_stream_is_in_chunks(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", bytes(1_000_000))
    chunks = asyncio.run(streamed(blobs))
    assert b"".join(chunks) == bytes(1_000_000)
    assert max(len(chunk) for chunk in chunks) <= CHUNK_BYTES


async def streamed(blobs: BlobStore, part: slice | None = None) -> list[bytes]:
    return [chunk async for chunk in await blobs.stream("jobs/a/x", part)]


def test_a_missing_blob_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get("jobs/a/x")


def test_deleting_a_job_deletes_only_its_own_blobs(blobs: BlobStore, tmp_path: Path) -> None:
    ours, other = new_job_id(), new_job_id()
    keys = (input_key(ours, "content"), input_key(ours, "style-0"), result_key(ours, "1-a"))
    for key in (*keys, input_key(other, "content")):
        blobs.put(key, b"bytes")
    asyncio.run(blobs.delete_job(ours))
    asyncio.run(blobs.delete_job(ours))
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [other in path.parts for path in left] == [True]
    assert not [path for path in tmp_path.rglob(ours)]


def test_several_may_delete_a_job_at_once(blobs: BlobStore, tmp_path: Path) -> None:
    for number in range(50):
        blobs.put(input_key("job", f"style-{number}"), b"blob")

    async def all_at_once() -> None:
        await asyncio.gather(*(blobs.delete_job("job") for _ in range(8)))

    asyncio.run(all_at_once())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_incomplete_files_of_a_dead_writer_are_deleted(blobs: BlobStore, tmp_path: Path) -> None:
    key = checkpoint_key("job", "1-a")
    blobs.put(key, b"whole")
    (piece,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    piece.with_name(f"{piece.name}#1").write_bytes(b"half")
    assert blobs.keys("jobs/job") == [key]
    blobs.delete_pieces("job")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [piece]


def test_a_check_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    asyncio.run(blobs.check())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_in_memory_works_the_same() -> None:
    blobs = BlobStore.open("memory:///")
    blobs.put("jobs/a/x", b"bytes")
    assert blobs.get("jobs/a/x") == b"bytes"


def test_a_folder_s_keys_are_listed_newest_first(blobs: BlobStore, tmp_path: Path) -> None:
    for seconds, name in enumerate(("z", "x", "y")):
        blobs.put(f"jobs/a/{name}", b"bytes")
        (file,) = tmp_path.rglob(name)
        os.utime(file, (seconds, seconds))
    blobs.put("jobs/b/x", b"bytes")
    assert blobs.keys("jobs/a") == ["jobs/a/y", "jobs/a/x", "jobs/a/z"]


def test_deleting_a_missing_blob_does_nothing(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", b"bytes")
    blobs.delete("jobs/a/none", "jobs/a/x")
    assert blobs.keys("jobs/a") == []


def test_an_error_of_the_store_s_disk_is_distinguished_from_others(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    for name in ("put_async", "get_async", "head_async", "copy_async"):
        monkeypatch.setattr(obstore, name, refuse)
    for call in (
        blobs.put_async("x", b"bytes"),
        blobs.put_file("x", tmp_path),
        blobs.copy("x", "y"),
        blobs.get_async("x"),
        blobs.get_file("x", tmp_path / "x"),
        blobs.size_bytes("x"),
        blobs.stream("x"),
        blobs.check(),
    ):
        with pytest.raises(BlobStoreFailed):
            asyncio.run(call)


def test_the_api_never_waits_for_the_store_on_its_event_loop() -> None:
    api = Path(__file__).parents[2] / "api"
    sources = "".join(path.read_text() for path in api.rglob("*.py"))
    called = set(re.findall(r"\bblobs\.(\w+)", sources))
    assert called
    assert all(iscoroutinefunction(getattr(BlobStore, name)) for name in called)
