"""Pictures of strangers are decoded and encoded in processes with a memory and a time limit, which
know nothing of the service's environment and reach no network.

Whatever a hostile file does to a decoder, it does there: the process is killed and the client gets
an answer that names the field.
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

from api.confined_processes import ConfinedError, ConfinedProcesses
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
from shared.sheets import Cell, contact_sheet, thumbnail

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_DISK_FULL = tuple(f"OSError: [Errno {number}]" for number in (errno.ENOSPC, errno.EDQUOT))

_RETRY_SECONDS = 10


class Decoder:
    """Decodes and encodes, at most one picture a core at a time.

    Args:
        patience_seconds: how long a picture waits for its turn.
    """

    def __init__(self, settings: Settings, *, patience_seconds: float = 60) -> None:
        self._patience_seconds = patience_seconds
        self._limits = Limits(
            pixels=settings.upload_limit_megapixels * 1_000_000,
            keep_pixels=settings.max_size_pixels,
        )
        self._timeout_seconds = settings.decode_timeout_seconds
        self._processes = ConfinedProcesses(settings.decode_memory_megabytes * 1_000_000)
        self._limiter = CapacityLimiter(os.cpu_count() or 1)

    async def warm_up(self) -> None:
        """Starts the first process, so that no client waits for it."""
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
        """`shared.pictures.normalise`, confined; what it does to its process is a fault too.

        Raises:
            DecodersBusy: so many came before that its turn never came.
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

    async def encode(self, picture: bytes, wanted: Format) -> bytes:
        """`shared.pictures.encode`, off the event loop.

        Raises:
            DecodersBusy: its turn never came. This and the following from every method below, too.
            DamagedPicture: the picture cannot be decoded.
            EncodingFailed: its process had too little memory, or died.
            StorageFull: there is no room for the encoded picture.
        """
        with _encoding_faults():
            return await self._run(encode, picture, wanted)

    async def encode_file(
        self, fetch: Callable[[Path], Awaitable[None]], source: Path, target: Path, wanted: Format
    ) -> None:
        """`shared.pictures.encode_file`, off the event loop. The picture is fetched into `source`
        when its turn has come: no more large ones than cores are on the disk at once."""
        async with self._turn():
            await fetch(source)
            with _encoding_faults():
                await self._processes.run(encode_file, source, target, wanted)

    async def preview_to_png(self, preview: bytes) -> bytes:
        """`shared.pictures.preview_to_png`, off the event loop."""
        with _encoding_faults():
            return await self._run(preview_to_png, preview)

    async def thumbnail(self, read: Callable[[], Awaitable[bytes]], size: tuple[int, int]) -> bytes:
        """`shared.sheets.thumbnail`, off the event loop. The picture is read when its turn has
        come: those of a large sheet are never in memory all at once."""
        async with self._turn():
            picture = await read()
            with _encoding_faults():
                return await self._processes.run(thumbnail, picture, size)

    async def contact_sheet(
        self, cells: Sequence[Cell], columns: int, cell_size: tuple[int, int], wanted: Format
    ) -> bytes:
        """`shared.sheets.contact_sheet` in a format, off the event loop."""
        with _encoding_faults():
            sheet = await self._run(contact_sheet, cells, columns, cell_size)
        return sheet if wanted == "png" else await self.encode(sheet, wanted)

    async def _run(
        self,
        function: Callable[..., Result],
        *arguments: object,
        timeout_seconds: float | None = None,
    ) -> Result:
        # A picture's own time begins when it has a process: it is not to be blamed for the others,
        # nor for how long a process takes to start where the last one was killed.
        async with self._turn():
            if timeout_seconds is not None:
                await self._processes.run(os.getpid)
            with fail_after(timeout_seconds):
                return await self._processes.run(function, *arguments)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Raises DecodersBusy where too many others are before."""
        with move_on_after(self._patience_seconds) as patience:
            await self._limiter.acquire()
        if patience.cancelled_caught:
            sentence = "Too many pictures are being decoded just now. Please try again."
            raise DecodersBusy(sentence, retry_after_seconds=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._limiter.release()


@contextmanager
def _encoding_faults() -> Iterator[None]:
    """What a process does that encodes one of our own pictures, as errors that a client may see."""
    try:
        yield
    except ConfinedError as error:
        _raise_disk_full(error)
        if str(error).startswith(f"{DamagedPicture.__name__}:"):
            raise DamagedPicture(str(error)) from error
        raise _encoding_failed(error) from error
    except BrokenWorkerProcess as error:
        raise _encoding_failed(error) from error


def _encoding_failed(error: Exception) -> EncodingFailed:
    log.error("A picture could not be encoded: %s", str(error) or "the process died")
    return EncodingFailed(
        "Encoding this took more memory than it may, or ended its process. Ask for the result as "
        "PNG, which is not encoded again, and for a contact sheet with smaller cells; the operator "
        "can raise PASTICHE_DECODE_MEMORY_MEGABYTES."
    )


def _raise_disk_full(error: ConfinedError) -> None:
    if str(error).startswith(_DISK_FULL):
        raise StorageFull("There is no room left for pictures.") from error
