"""Pictures take turns at the processes that decode and encode them."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import BrokenWorkerProcess, fail_after

from api.decoding.confined_processes import ConfinedError, ConfinedProcesses
from api.decoding.decoder import Decoder
from shared.errors import DecodersBusy, EncodingFailed, StorageFull
from shared.settings import Settings
from tests import pictures

pytestmark = pytest.mark.slow


def test_a_picture_whose_turn_does_not_come_is_asked_to_come_again() -> None:
    decoder = Decoder(Settings(), wait_limit_seconds=0.05)
    picture = pictures.png()

    async def one_too_many() -> int:
        begun, may_end = asyncio.Semaphore(0), asyncio.Event()

        async def read() -> bytes:
            begun.release()
            await may_end.wait()
            return picture

        async with asyncio.TaskGroup() as others:
            for _ in range(os.cpu_count() or 1):
                others.create_task(decoder.thumbnail(read, (16, 16)))
                await begun.acquire()
            with pytest.raises(DecodersBusy) as refused:
                await decoder.encode(picture, "webp")
            may_end.set()
        assert await decoder.encode(picture, "webp")
        decoder.close()
        return refused.value.retry_after_seconds or 0

    assert asyncio.run(one_too_many()) > 0


@pytest.fixture
def processes() -> Iterator[ConfinedProcesses]:
    processes = ConfinedProcesses(2_000_000_000)
    yield processes
    processes.close()


def run(processes: ConfinedProcesses, function: Callable[..., Any], *arguments: object) -> Any:
    return asyncio.run(processes.run(function, *arguments))


def own_environment() -> tuple[dict[str, str], bytes]:
    return dict(os.environ), Path("/proc/self/environ").read_bytes()


def open_socket(family: int) -> None:
    socket.socket(family).close()


def start_program() -> None:
    subprocess.run(["true"], check=True)


def make_a_path() -> Path:
    return Path("x")


def wait_for_ever() -> None:
    asyncio.run(asyncio.Event().wait())


def test_a_decoder_knows_nothing_of_the_service_s_environment(
    processes: ConfinedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://secret")
    environment, at_its_start = run(processes, own_environment)
    assert "PASTICHE_REDIS_URL" not in environment
    assert at_its_start == b""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_decoder_reaches_no_network(processes: ConfinedProcesses, family: int) -> None:
    with pytest.raises(ConfinedError, match="PermissionError"):
        run(processes, open_socket, family)


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_a_decoder_starts_no_program(processes: ConfinedProcesses) -> None:
    with pytest.raises(ConfinedError, match="PermissionError"):
        run(processes, start_program)


def test_a_decoder_that_dies_is_replaced(processes: ConfinedProcesses) -> None:
    with pytest.raises(BrokenWorkerProcess):
        run(processes, os._exit, 1)
    assert run(processes, os.getpid) != os.getpid()


def die(*arguments: object, **named: object) -> None:
    os._exit(1)


def fill_the_disk(*arguments: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("instead", "error"), [(die, EncodingFailed), (fill_the_disk, StorageFull)]
)
def test_what_ends_the_encoding_of_a_picture_is_an_error_for_the_client(
    instead: Callable[..., None],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("encode", "encode_file", "preview_to_png", "thumbnail", "contact_sheet"):
        monkeypatch.setattr(f"api.decoding.decoder.{name}", instead)
    picture, path = pictures.png(), Path("x")

    async def read() -> bytes:
        return picture

    async def fetch(target: Path) -> None:
        pass

    async def encode_all() -> None:
        decoder = Decoder(Settings())
        for call in (
            lambda: decoder.encode(picture, "webp"),
            lambda: decoder.encode_file(fetch, path, path, "webp"),
            lambda: decoder.preview_to_png(picture),
            lambda: decoder.thumbnail(read, (16, 16)),
            lambda: decoder.contact_sheet([], 1, (16, 16), "png"),
        ):
            with pytest.raises(error):
                await call()
        decoder.close()

    asyncio.run(encode_all())


def test_an_upload_that_fills_the_disk_is_no_fault_of_the_picture_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.decoding.decoder.normalise", fill_the_disk)
    decoder = Decoder(Settings())

    async def decode() -> None:
        with pytest.raises(StorageFull):
            await decoder.normalise(Path("x"), Path("y"))
        decoder.close()

    asyncio.run(decode())


def test_a_decoder_is_used_again(processes: ConfinedProcesses) -> None:
    assert run(processes, os.getpid) == run(processes, os.getpid)


def test_a_decoder_whose_time_is_up_is_killed(processes: ConfinedProcesses) -> None:
    async def wait() -> None:
        with fail_after(0.2):
            await processes.run(wait_for_ever)

    before = run(processes, os.getpid)
    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    assert run(processes, os.getpid) != before
    assert not Path(f"/proc/{before}/environ").exists()


def test_a_decoder_s_answer_cannot_be_any_object(processes: ConfinedProcesses) -> None:
    with pytest.raises(BrokenWorkerProcess):
        run(processes, make_a_path)
