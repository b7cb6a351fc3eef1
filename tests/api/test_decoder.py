"""Pictures take turns at the processes that decode and encode them."""

import asyncio
import os

from api.decoder import Decoder
from shared.errors import DecodersBusy
from shared.settings import Settings
from tests import pictures


def test_a_picture_whose_turn_does_not_come_is_asked_to_come_again() -> None:
    decoder = Decoder(Settings(), patience_seconds=0.05)
    picture = pictures.png(1024, 1024)
    several = 8 * (os.cpu_count() or 1)

    async def all_at_once() -> list[bytes | BaseException]:
        await decoder.warm_up()
        turns = (decoder.encode(picture, "webp") for _ in range(several))
        return await asyncio.gather(*turns, return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert {type(outcome) for outcome in outcomes} == {bytes, DecodersBusy}
    assert all(each.retry_after_seconds for each in outcomes if isinstance(each, DecodersBusy))
