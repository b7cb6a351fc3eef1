"""When an attempt's work is kept, and what the next attempt finds of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from shared.blob_store import BlobStore, checkpoint_key
from worker import checkpoints as module
from worker.checkpoints import Checkpoints


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open(tmp_path.as_uri())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by hand."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def writing(text: bytes) -> Callable[[IO[bytes]], None]:
    def save(file: IO[bytes]) -> None:
        file.write(text)

    return save


def test_work_is_kept_every_so_often(blobs: BlobStore, clock: list[float]) -> None:
    kept = Checkpoints("job", "1-a", blobs, every_seconds=8)
    assert not kept.is_due
    clock[0] += 8
    assert kept.is_due
    kept.keep(writing(b"state"))
    assert not kept.is_due


def test_work_that_takes_long_to_keep_is_kept_less_often(
    blobs: BlobStore, clock: list[float]
) -> None:
    kept = Checkpoints("job", "1-a", blobs, every_seconds=8)

    def slowly(file: IO[bytes]) -> None:
        clock[0] += 1

    kept.keep(slowly)
    clock[0] += 1 / module.LARGEST_SHARE - 0.1
    assert not kept.is_due
    clock[0] += 0.2
    assert kept.is_due


def test_the_next_attempt_finds_the_newest_first(blobs: BlobStore) -> None:
    for fence in ("1-a", "2-b"):
        Checkpoints("job", fence, blobs, 8).keep(writing(fence.encode()))
    assert list(Checkpoints("job", "3-c", blobs, 8).earlier()) == [b"2-b", b"1-a"]


def test_memory_that_does_not_suffice_costs_the_checkpoint_and_not_the_job(
    blobs: BlobStore, clock: list[float]
) -> None:
    def fail(_: IO[bytes]) -> None:
        raise MemoryError

    kept = Checkpoints("job", "1-a", blobs, 8)
    kept.keep(fail)
    clock[0] += 8
    assert kept.is_due
    assert list(kept.earlier()) == []


def test_what_cannot_be_written_to_its_end_leaves_the_checkpoint_before(
    blobs: BlobStore, clock: list[float]
) -> None:
    def fail(file: IO[bytes]) -> None:
        file.write(bytes(5_000_000))
        raise MemoryError

    kept = Checkpoints("job", "1-a", blobs, 8)
    kept.keep(writing(b"whole"))
    kept.keep(fail)
    assert list(kept.earlier()) == [b"whole"]


def test_a_store_that_refuses_lets_the_writer_go(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Event()

    def write(file: IO[bytes]) -> None:
        try:
            for _ in range(100):
                file.write(bytes(1_000_000))
        finally:
            ended.set()

    def refuse(_: BlobStore, key: str, blob: Iterator[bytes]) -> None:
        next(blob)
        raise OSError("the disk is full")

    monkeypatch.setattr(BlobStore, "put", refuse)
    Checkpoints("job", "1-a", blobs, 8).keep(write)
    assert ended.wait(10)


def test_an_attempt_erases_its_own_work_alone_or_all(blobs: BlobStore) -> None:
    first, second = (Checkpoints("job", fence, blobs, 8) for fence in ("1-a", "2-b"))
    first.keep(writing(b"first"))
    second.keep(writing(b"second"))
    second.erase_own()
    assert blobs.keys("jobs/job") == [checkpoint_key("job", "1-a")]
    second.erase_all()
    assert blobs.keys("jobs/job") == []
