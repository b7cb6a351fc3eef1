"""The blob store on a real server that speaks S3, also where it fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import randbytes

import httpx
import pytest
from obstore.exceptions import BaseError

from shared.blob_store import BlobStore, encoded_key, input_key, result_key
from shared.jobs import new_job_id
from tests.object_store import Bucket, Fault, FaultyProxy, aws_variables, faulty_proxy

SEVERAL_PARTS_BYTES = 12_000_000
"""A blob so large is written in parts of 5 MiB."""


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Between the blob store and its bucket."""
    with faulty_proxy(bucket.server_url) as proxy:
        for name, value in aws_variables(proxy.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_READ_TIMEOUT", "30 s")  # a slow machine must not look like a fault
        yield proxy


@pytest.fixture
def blobs(proxy: FaultyProxy, bucket: Bucket) -> BlobStore:
    return BlobStore.open(bucket.location)


async def join(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def read_streamed(blobs: BlobStore, key: str, part: slice | None = None) -> bytes:
    return await join(await blobs.stream(key, part))


def test_a_blob_is_written_read_listed_copied_and_deleted(blobs: BlobStore, bucket: Bucket) -> None:
    job_id = new_job_id()
    content, copy = input_key(job_id, "content"), input_key(job_id, "style-0")
    blobs.put(content, b"bytes")
    asyncio.run(blobs.copy(copy, content))
    assert blobs.get(copy) == b"bytes"
    assert sorted(blobs.keys("jobs")) == bucket.keys == [content, copy]
    assert asyncio.run(blobs.size_bytes(content)) == 5
    blobs.delete(copy, "jobs/of/nobody")
    assert bucket.keys == [content]
    asyncio.run(blobs.delete_job(job_id))
    assert bucket.keys == []


def test_a_missing_blob_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get("jobs/a/x")
    with pytest.raises(FileNotFoundError):
        asyncio.run(blobs.size_bytes("jobs/a/x"))


def test_a_large_file_is_written_and_read_whole_and_in_parts(
    blobs: BlobStore, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(randbytes(SEVERAL_PARTS_BYTES))
    asyncio.run(blobs.put_file("jobs/a/x", source))
    asyncio.run(blobs.get_file("jobs/a/x", target))
    assert target.read_bytes() == source.read_bytes()
    part = asyncio.run(read_streamed(blobs, "jobs/a/x", slice(5_000_000, 7_000_000)))
    assert part == source.read_bytes()[5_000_000:7_000_000]


@pytest.mark.parametrize("size", [1000, SEVERAL_PARTS_BYTES])
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_signed_url_gives_a_result_with_its_type_and_name(
    size: int, format: str, blobs: BlobStore
) -> None:
    png = result_key("1234", "1-a")
    key = png if format == "png" else encoded_key(png, format)
    blobs.put(key, bytes(size))
    response = httpx.get(asyncio.run(blobs.sign_read(key, 60)), trust_env=False)
    assert len(response.content) == size
    assert response.headers["content-type"] == f"image/{format}"
    assert f'filename="pastiche-1234.{format}"' in response.headers["content-disposition"]


def test_all_signed_urls_have_one_origin(blobs: BlobStore, proxy: FaultyProxy) -> None:
    assert asyncio.run(blobs.find_origin()) == proxy.url


@pytest.mark.parametrize(
    "fault",
    [Fault("GET", status=500), Fault("GET", status=503), Fault("GET", is_truncated=True)],
    ids=["500", "503", "truncated"],
)
def test_a_read_that_fails_is_repeated(fault: Fault, blobs: BlobStore, proxy: FaultyProxy) -> None:
    picture = randbytes(1_000_000)
    blobs.put("jobs/a/x", picture)
    with proxy.failing(Fault(fault.of, fault.status, is_truncated=fault.is_truncated, times=1)):
        assert blobs.get("jobs/a/x") == picture
        assert proxy.faults == 1


@pytest.mark.parametrize(
    "fault",
    [Fault("GET", status=500), Fault("GET", is_truncated=True), Fault("GET", hangs=True)],
    ids=["500", "truncated", "hangs"],
)
def test_a_read_that_fails_again_and_again_is_an_error(
    fault: Fault,
    blobs: BlobStore,
    proxy: FaultyProxy,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blobs.put("jobs/a/x", randbytes(1_000_000))
    if fault.hangs:
        monkeypatch.setenv("AWS_READ_TIMEOUT", "0.5 s")
        blobs = BlobStore.open(bucket.location)
    with proxy.failing(fault):
        with pytest.raises(BaseError):
            blobs.get("jobs/a/x")
        with pytest.raises(BaseError):
            asyncio.run(read_streamed(blobs, "jobs/a/x"))


@pytest.mark.parametrize("of", ["PUT", "POST"])
def test_a_large_write_that_fails_leaves_nothing(
    of: str, blobs: BlobStore, proxy: FaultyProxy, bucket: Bucket
) -> None:
    with proxy.failing(Fault(of, status=500)), pytest.raises(BaseError):
        blobs.put("jobs/a/x", bytes(SEVERAL_PARTS_BYTES))
    assert proxy.faults > 0
    assert bucket.keys == []
    unfinished = httpx.get(f"{bucket.server_url}/{bucket.name}?uploads", trust_env=False)
    assert "<UploadId>" not in unfinished.text


@pytest.mark.slow
def test_a_reader_may_take_longer_than_half_a_minute(blobs: BlobStore) -> None:
    """As a client with a bad connection may; obstore's own limit would end the response."""
    blobs.put("jobs/a/x", bytes(60_000_000))

    async def read_slowly() -> int:
        chunks = await blobs.stream("jobs/a/x")
        first = await anext(chunks)
        await asyncio.sleep(31)
        return len(first) + len(await join(chunks))

    assert asyncio.run(read_slowly()) == 60_000_000
