"""What a function writes to a file, in pieces while it writes."""

import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

PIECE_BYTES = 1_000_000


def pieces(save: Callable[[IO[bytes]], None]) -> Generator[bytes, None, None]:
    """What `save` writes: no more than a piece and its largest single write is in memory at once.

    It writes in a thread of its own, into a pipe. Where the reader closes this early it meets
    a BrokenPipeError; what it raises itself comes out here, in place of an end.
    """
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1, "stream") as thread, open(reading, "rb") as pipe:
        saving = thread.submit(_save_into, writing, save)
        try:
            while piece := pipe.read(PIECE_BYTES):
                yield piece
        finally:
            pipe.close()
        saving.result()


def _save_into(writing: int, save: Callable[[IO[bytes]], None]) -> None:
    with open(writing, "wb") as pipe:
        save(pipe)
