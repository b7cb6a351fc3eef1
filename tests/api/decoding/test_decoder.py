"""The processes that decode and encode pictures, and how pictures wait for one of them."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from api.decoding.confinement import ConfinedError, ConfinedProcess, ProcessDied
from api.decoding.decoder import Decoder, count_decoders
from pastiche import container_limits
from shared.errors import DecodersBusy, EncodingFailed, StorageFull
from shared.pictures import encode
from shared.settings import Settings
from tests import pictures
from tests.processes import needs_proc

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("processors", "limit_gibibytes", "decoders"),
    [(64, 5, 2), (64, 4, 1), (64, 1, 1), (2, 64, 2), (64, inf, 64)],
)
def test_no_more_decoders_run_than_the_container_has_processors_and_memory_for(
    processors: int, limit_gibibytes: float, decoders: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_limits, "usable_processors", lambda: processors)
    monkeypatch.setattr(container_limits, "memory_limit", lambda: limit_gibibytes * 2**30)
    assert count_decoders(Settings()) == decoders


def test_a_picture_that_waits_too_long_for_a_decoder_is_refused_with_503() -> None:
    decoder = Decoder(Settings(), wait_limit_seconds=0.05)
    picture = pictures.png()

    async def encode_one() -> bytes:
        async with decoder.turn() as run:
            return await run(encode, picture, "webp")

    async def run_one_too_many() -> int:
        begun, may_end = asyncio.Semaphore(0), asyncio.Event()

        async def hold_turn() -> None:
            async with decoder.turn():
                begun.release()
                await may_end.wait()

        async with asyncio.TaskGroup() as others:
            for _ in range(count_decoders(Settings())):
                others.create_task(hold_turn())
                await begun.acquire()
            with pytest.raises(DecodersBusy) as refused:
                await encode_one()
            may_end.set()
        assert await encode_one()
        decoder.close()
        return refused.value.retry_after_seconds or 0

    assert asyncio.run(run_one_too_many()) > 0


@pytest.fixture
def process() -> Iterator[ConfinedProcess]:
    process = ConfinedProcess(2_000_000_000)
    yield process
    process.close()


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(Settings())
    yield decoder
    decoder.close()


def run(decoder: Decoder, function: Callable[..., Any], *arguments: object) -> Any:
    async def run_in_turn() -> Any:
        async with decoder.turn() as run:
            return await run(function, *arguments)

    return asyncio.run(run_in_turn())


def own_environment() -> dict[str, str]:
    return dict(os.environ)


def own_environment_at_its_start() -> bytes:
    return Path("/proc/self/environ").read_bytes()


def open_socket(family: int) -> None:
    socket.socket(family).close()


def start_program() -> None:
    subprocess.run(["true"], check=True)


def make_a_path() -> Path:
    return Path("x")


def wait_forever() -> None:
    asyncio.run(asyncio.Event().wait())


def test_a_decoder_knows_nothing_of_the_service_s_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PASTICHE_REDIS_URL", "redis://secret")
    process = ConfinedProcess(2_000_000_000)
    environment = process.call(own_environment, ())
    process.close()
    assert "PASTICHE_REDIS_URL" not in environment


@needs_proc
def test_a_decoder_was_started_without_environment(process: ConfinedProcess) -> None:
    assert process.call(own_environment_at_its_start, ()) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_decoder_reaches_no_network(process: ConfinedProcess, family: int) -> None:
    with pytest.raises(ConfinedError, match="PermissionError"):
        process.call(open_socket, (family,))


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_a_decoder_starts_no_program(process: ConfinedProcess) -> None:
    with pytest.raises(ConfinedError, match="PermissionError"):
        process.call(start_program, ())


def test_a_decoder_that_dies_is_replaced(decoder: Decoder) -> None:
    with pytest.raises(EncodingFailed):
        run(decoder, os._exit, 1)
    assert run(decoder, os.getpid) != os.getpid()


def test_a_decoder_that_the_system_ended_while_it_was_idle_is_replaced(decoder: Decoder) -> None:
    if sys.platform == "darwin":
        pytest.skip("Python 3.11 and 3.12 have no waitid there.")
    idle = run(decoder, os.getpid)
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    assert run(decoder, os.getpid) != idle


def test_a_picture_that_kills_its_decoder_is_refused(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.decoding.decoder.normalise", die)
    fault = asyncio.run(decoder.normalise(Path("x"), Path("y")))
    assert fault is not None
    assert fault.code == "picture_broken"


def die(*arguments: object, **named: object) -> None:
    os._exit(1)


def fill_the_disk(*arguments: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("function", "error"), [(die, EncodingFailed), (fill_the_disk, StorageFull)]
)
def test_what_ends_the_encoding_of_a_picture_is_an_error_for_the_client(
    function: Callable[..., None], error: type[Exception], decoder: Decoder
) -> None:
    with pytest.raises(error):
        run(decoder, function)


def test_an_upload_that_fills_the_disk_is_no_error_of_the_picture(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.decoding.decoder.normalise", fill_the_disk)
    with pytest.raises(StorageFull):
        asyncio.run(decoder.normalise(Path("x"), Path("y")))


def test_a_decoder_is_used_again(decoder: Decoder) -> None:
    assert run(decoder, os.getpid) == run(decoder, os.getpid)


def test_a_decoder_whose_time_is_up_is_killed(decoder: Decoder) -> None:
    async def wait() -> None:
        async with decoder.turn() as run:
            with fail_after(0.2):
                await run(wait_forever)

    before = run(decoder, os.getpid)
    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    assert run(decoder, os.getpid) != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_a_decoder_s_answer_cannot_be_any_object(process: ConfinedProcess) -> None:
    with pytest.raises(ProcessDied):
        process.call(make_a_path, ())
