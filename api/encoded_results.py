"""Results in other formats than PNG: encoded once, and kept beside the PNG for a while.

A copy lies in the blob store among its job's blobs, so every API process finds it and it is erased
with the job. The reconciler erases it earlier, an hour after it was made.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import WeakValueDictionary

from anyio import Lock

from api.decoder import Decoder
from shared.blob_store import BlobStore, encoded_key
from shared.pictures import Format


class EncodedResults:
    """Those of one blob store.

    Args:
        scratch: a folder for pictures on their way.
    """

    def __init__(self, blobs: BlobStore, decoder: Decoder, scratch: Path) -> None:
        self._blobs, self._decoder, self._scratch = blobs, decoder, scratch
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()

    async def key_of(self, result_key: str, wanted: Format) -> str:
        """Where a result lies in this format. Many who ask at once wait for one encoding.

        Raises:
            FileNotFoundError: the result itself is lost.
            DamagedPicture: it cannot be decoded.
            DecodersBusy: too many other pictures come first.
            EncodingFailed: its encoder had too little memory, or died.
        """
        if wanted == "png":
            return result_key
        key = encoded_key(result_key, wanted)
        lock = self._locks.setdefault(key, Lock())
        async with lock:
            try:
                await self._blobs.size_bytes(key)
            except FileNotFoundError:
                await self._encode(result_key, key, wanted)
        return key

    async def _encode(self, result_key: str, key: str, wanted: Format) -> None:
        with TemporaryDirectory(dir=self._scratch) as name:
            source, target = Path(name) / "result.png", Path(name) / f"result.{wanted}"
            fetch = partial(self._blobs.get_file, result_key)
            await self._decoder.encode_file(fetch, source, target, wanted)
            await self._blobs.put_file(key, target)
