"""Decodes and encodes untrusted pictures in processes with limits of memory and time, without the
service's environment and without a network.

A hostile file can harm only the process that decodes it: the process is killed, and the client gets
an error that names the field.
"""

import errno
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, Lock, fail_after, move_on_after, to_thread

from api.decoding.confinement import ConfinedError, ConfinedProcess, ProcessDied
from pastiche import container_limits
from shared.blob_store import BlobStore, encoded_key
from shared.errors import DecodersBusy, EncodingFailed, StorageFull
from shared.pictures import DamagedPicture, Format, Limits, PictureFault, encode_file, normalise
from shared.settings import Settings

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_DISK_FULL = tuple(f"OSError: [Errno {number}]" for number in (errno.ENOSPC, errno.EDQUOT))

_RETRY_SECONDS = 10

OWN_MEMORY_BYTES = 400_000_000
"""How much memory the API itself uses at most. Its decoders share the rest of the container's."""


class Run(Protocol):
    """Runs a function in a confined process, while the caller has its turn."""

    async def __call__(self, function: Callable[..., Result], *arguments: object) -> Result: ...


def count_decoders(settings: Settings) -> int:
    """How many pictures are decoded at once: one for each processor that may be used, but no more
    than the container has memory for."""
    fitting = (container_limits.memory_limit() - OWN_MEMORY_BYTES) / settings.decode_memory_bytes
    return max(1, int(min(container_limits.usable_processors(), fitting)))


class Decoder:
    """Decodes and encodes, at most `count_decoders` pictures at a time. Its processes are started
    when needed, and reused.

    Args:
        wait_limit_seconds: how long a picture waits for its turn, at most.
    """

    def __init__(self, settings: Settings, *, wait_limit_seconds: float = 60) -> None:
        self._wait_limit_seconds = wait_limit_seconds
        self._limits = Limits(
            pixels=settings.upload_limit_megapixels * 1_000_000,
            keep_pixels=settings.max_size_pixels,
        )
        self._timeout_seconds = settings.decode_timeout_seconds
        self._memory_bytes = settings.decode_memory_bytes
        self._limiter = CapacityLimiter(count_decoders(settings))
        self._idle: list[ConfinedProcess] = []

    async def warm_up(self) -> None:
        """Starts the first process, so that no client waits for that."""
        async with self.turn() as run:
            await run(os.getpid)

    def close(self) -> None:
        """Ends the idle processes."""
        while self._idle:
            self._idle.pop().close()

    async def normalise(
        self,
        source: Path,
        target: Path,
        *,
        is_mask: bool = False,
        may_be_dark: bool = False,
        keeps_transparency: bool = False,
    ) -> PictureFault | None:
        """`shared.pictures.normalise`, confined. A picture that kills the process is also invalid.

        Raises:
            DecodersBusy: its turn did not come in time.
            StorageFull: there is no space for the normalised picture.
        """
        confined = partial(
            normalise,
            is_mask=is_mask,
            may_be_dark=may_be_dark,
            keeps_transparency=keeps_transparency,
        )
        try:
            async with self._wait_for_turn():
                # A picture's time starts when it has a process: waiting for other pictures does not
                # count, nor does starting a process after the last one was killed.
                await self._call(os.getpid)
                with fail_after(self._timeout_seconds):
                    return await self._call(confined, source, target, self._limits)
        except TimeoutError:
            return PictureFault("picture_too_slow", 413, "This picture takes too long to decode.")
        except ProcessDied:
            sentence = "This picture crashed the decoder: save it again in another format."
            return PictureFault("picture_broken", 422, sentence)
        except ConfinedError as error:
            _raise_disk_full(error)
            raise

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Run]:
        """Waits for a turn, and yields what runs functions on our own pictures. Read large pictures
        during the turn: then only as many as there are turns are in memory or on disk at once.

        Raises:
            DecodersBusy: its turn did not come in time.
            DamagedPicture: a picture cannot be decoded.
            EncodingFailed: the process had too little memory, or died.
            StorageFull: there is no space for the encoded picture.
        """
        async with self._wait_for_turn():
            try:
                yield self._call
            except ConfinedError as error:
                _raise_disk_full(error)
                if str(error).startswith(f"{DamagedPicture.__name__}:"):
                    raise DamagedPicture(str(error)) from error
                raise _make_encoding_error(error) from error
            except ProcessDied as error:
                raise _make_encoding_error(error) from error

    @asynccontextmanager
    async def _wait_for_turn(self) -> AsyncIterator[None]:
        with move_on_after(self._wait_limit_seconds) as wait:
            await self._limiter.acquire()
        if wait.cancelled_caught:
            sentence = "Too many pictures are being decoded just now. Please try again."
            raise DecodersBusy(sentence, retry_after_seconds=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._limiter.release()

    async def _call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Runs a function. Its process is killed if the caller is canceled."""
        process = self._find_idle()
        if process is None:
            process = await to_thread.run_sync(ConfinedProcess, self._memory_bytes)
        call = partial(process.call, function, arguments)
        try:
            result: Result = await to_thread.run_sync(call, abandon_on_cancel=True)
        except ConfinedError:
            self._idle.append(process)
            raise
        except BaseException:
            process.kill()
            raise
        self._idle.append(process)
        return result

    def _find_idle(self) -> ConfinedProcess | None:
        """An idle process that is alive. The system may have ended some because memory ran out,
        which is not a picture's fault."""
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            process.close()
        return None


class EncodedResults:
    """Results in other formats than PNG: encoded once, and stored beside the PNG for a while.

    A copy is one of its job's blobs, so every API process finds it and it is deleted with the job.
    The reconciler deletes it earlier, an hour after it was made.

    Args:
        scratch: a folder for temporary files.
    """

    def __init__(self, blobs: BlobStore, decoder: Decoder, scratch: Path) -> None:
        self._blobs, self._decoder, self._scratch = blobs, decoder, scratch
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()

    async def get_key(self, result_key: str, format: Format) -> str:
        """The key of a result in this format. Concurrent requests wait for one encoding.

        Raises:
            FileNotFoundError: the result itself is lost.
            DamagedPicture: it cannot be decoded.
            DecodersBusy: too many other pictures come first.
            EncodingFailed: its encoder had too little memory, or died.
        """
        if format == "png":
            return result_key
        key = encoded_key(result_key, format)
        lock = self._locks.setdefault(key, Lock())
        async with lock:
            try:
                await self._blobs.size_bytes(key)
            except FileNotFoundError:
                await self._encode(result_key, key, format)
        return key

    async def _encode(self, result_key: str, key: str, format: Format) -> None:
        with TemporaryDirectory(dir=self._scratch) as name:
            source, target = Path(name) / "result.png", Path(name) / f"result.{format}"
            async with self._decoder.turn() as run:
                await self._blobs.get_file(result_key, source)
                await run(encode_file, source, target, format)
            await self._blobs.put_file(key, target)


def _make_encoding_error(error: Exception) -> EncodingFailed:
    log.error("A picture could not be encoded: %s", str(error) or "the process died")
    return EncodingFailed(
        "Encoding this picture took too much memory or crashed its process. Request the result as "
        "PNG, which is not encoded again, or a contact sheet with smaller cells; the operator can "
        "raise PASTICHE_DECODE_MEMORY_MEGABYTES."
    )


def _raise_disk_full(error: ConfinedError) -> None:
    if str(error).startswith(_DISK_FULL):
        raise StorageFull("The picture store is full.") from error
