"""Decodes and encodes untrusted pictures in processes with limits of memory and time, without the
service's environment and without a network.

Whatever a hostile file does to a decoder, it does there: the process is killed, and the client gets
an error that names the field.
"""

import errno
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, move_on_after

from api.decoding.confined_processes import ConfinedError, ConfinedProcesses
from api.sweeps.contact_sheet import Cell, contact_sheet, thumbnail
from shared.errors import DecodersBusy, EncodingFailed, StorageFull
from shared.pictures import (
    DamagedPicture,
    Format,
    Limits,
    PictureFault,
    encode,
    encode_file,
    normalise,
    preview_to_png,
)
from shared.settings import Settings

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_DISK_FULL = tuple(f"OSError: [Errno {number}]" for number in (errno.ENOSPC, errno.EDQUOT))

_RETRY_SECONDS = 10


class Decoder:
    """Decodes and encodes, at most one picture per core at a time.

    Args:
        patience_seconds: how long a picture waits for its turn, at most.
    """

    def __init__(self, settings: Settings, *, wait_limit_seconds: float = 60) -> None:
        self._wait_limit_seconds = wait_limit_seconds
        self._limits = Limits(
            pixels=settings.upload_limit_megapixels * 1_000_000,
            keep_pixels=settings.max_size_pixels,
        )
        self._timeout_seconds = settings.decode_timeout_seconds
        self._processes = ConfinedProcesses(settings.decode_memory_megabytes * 1_000_000)
        self._limiter = CapacityLimiter(os.cpu_count() or 1)

    async def warm_up(self) -> None:
        """Starts the first process, so that no client waits for that."""
        await self._run(os.getpid)

    def close(self) -> None:
        """Ends the processes."""
        self._processes.close()

    async def normalise(
        self,
        source: Path,
        target: Path,
        *,
        is_mask: bool = False,
        keeps_transparency: bool = False,
    ) -> PictureFault | None:
        """`shared.pictures.normalise`, confined; what it does to its process is a fault, too.

        Raises:
            DecodersBusy: its turn did not come in time.
            StorageFull: there is no room for the normalised picture.
        """
        confined = partial(normalise, is_mask=is_mask, keeps_transparency=keeps_transparency)
        try:
            return await self._run(
                confined, source, target, self._limits, timeout_seconds=self._timeout_seconds
            )
        except TimeoutError:
            return PictureFault("picture_too_slow", 413, "This picture takes too long to decode.")
        except BrokenWorkerProcess:
            return PictureFault("picture_broken", 422, "This picture breaks its decoder.")
        except ConfinedError as error:
            _raise_disk_full(error)
            raise

    async def encode(self, picture: bytes, format: Format) -> bytes:
        """`shared.pictures.encode`, off the event loop.

        Raises:
            DecodersBusy: its turn did not come in time. The methods below raise this and the
                following errors, too.
            DamagedPicture: the picture cannot be decoded.
            EncodingFailed: its process had too little memory, or died.
            StorageFull: there is no room for the encoded picture.
        """
        with _convert_failures():
            return await self._run(encode, picture, format)

    async def encode_file(
        self, fetch: Callable[[Path], Awaitable[None]], source: Path, target: Path, format: Format
    ) -> None:
        """`shared.pictures.encode_file`, off the event loop. The picture is fetched into `source`
        when its turn has come: no more large ones than cores are on the disk at once."""
        async with self._turn():
            await fetch(source)
            with _convert_failures():
                await self._processes.run(encode_file, source, target, format)

    async def preview_to_png(self, preview: bytes) -> bytes:
        """`shared.pictures.preview_to_png`, off the event loop."""
        with _convert_failures():
            return await self._run(preview_to_png, preview)

    async def thumbnail(self, read: Callable[[], Awaitable[bytes]], size: tuple[int, int]) -> bytes:
        """`api.sweeps.contact_sheet.thumbnail`, off the event loop. The picture is read when its
        turn has come, so that those of a large sheet are never in memory all at once."""
        async with self._turn():
            picture = await read()
            with _convert_failures():
                return await self._processes.run(thumbnail, picture, size)

    async def contact_sheet(
        self, cells: Sequence[Cell], columns: int, cell_size: tuple[int, int], format: Format
    ) -> bytes:
        """`api.sweeps.contact_sheet.contact_sheet` in a format, off the event loop."""
        with _convert_failures():
            sheet = await self._run(contact_sheet, cells, columns, cell_size)
        return sheet if format == "png" else await self.encode(sheet, format)

    async def _run(
        self,
        function: Callable[..., Result],
        *arguments: object,
        timeout_seconds: float | None = None,
    ) -> Result:
        # A picture's own time starts when it has a process: neither the others count, nor the start
        # of a process after the last one was killed.
        async with self._turn():
            if timeout_seconds is not None:
                await self._processes.run(os.getpid)
            with fail_after(timeout_seconds):
                return await self._processes.run(function, *arguments)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Raises DecodersBusy if too many others come first."""
        with move_on_after(self._wait_limit_seconds) as wait:
            await self._limiter.acquire()
        if wait.cancelled_caught:
            sentence = "Too many pictures are being decoded just now. Please try again."
            raise DecodersBusy(sentence, retry_after_seconds=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._limiter.release()


@contextmanager
def _convert_failures() -> Iterator[None]:
    """Turns the failures of a process that encodes one of our own pictures into our errors."""
    try:
        yield
    except ConfinedError as error:
        _raise_disk_full(error)
        if str(error).startswith(f"{DamagedPicture.__name__}:"):
            raise DamagedPicture(str(error)) from error
        raise _make_encoding_error(error) from error
    except BrokenWorkerProcess as error:
        raise _make_encoding_error(error) from error


def _make_encoding_error(error: Exception) -> EncodingFailed:
    log.error("A picture could not be encoded: %s", str(error) or "the process died")
    return EncodingFailed(
        "Encoding this took more memory than it may, or ended its process. Ask for the result as "
        "PNG, which is not encoded again, and for a contact sheet with smaller cells; the operator "
        "can raise PASTICHE_DECODE_MEMORY_MEGABYTES."
    )


def _raise_disk_full(error: ConfinedError) -> None:
    if str(error).startswith(_DISK_FULL):
        raise StorageFull("There is no room left for pictures.") from error
