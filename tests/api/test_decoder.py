"""Pictures take turns at the processes that decode and encode them."""

import asyncio
import os

import pytest

from api.decoder import Decoder
from shared.errors import DecodersBusy
from shared.settings import Settings
from tests import pictures


def test_a_picture_whose_turn_does_not_come_is_asked_to_come_again() -> None:
    decoder = Decoder(Settings(), patience_seconds=0.05)
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
        return refused.value.retry_after_seconds or 0

    assert asyncio.run(one_too_many()) > 0
