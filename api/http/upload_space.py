"""Limits the space that all uploads together take in the temporary files of this process.

The volume for a container's temporary files is small. Kubernetes does not refuse a write that
exceeds its size, but evicts the whole pod, with all other requests.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.errors import UploadsBusy

_RETRY_SECONDS = 10


class UploadSpace:
    """Counts the bytes of all uploads in flight: received, fetched or decoded, and not stored yet.

    Args:
        parent: the folder for temporary files.
    """

    def __init__(self, parent: Path, limit_bytes: int) -> None:
        self._parent, self._limit_bytes = parent, limit_bytes
        self._taken_bytes = 0

    @contextmanager
    def open(self) -> Iterator["UploadFolder"]:
        """A folder for one upload, which is deleted when the context ends."""
        with TemporaryDirectory(dir=self._parent) as name:
            folder = UploadFolder(Path(name), self)
            try:
                yield folder
            finally:
                self._taken_bytes -= folder.taken_bytes

    def take(self, size_bytes: int, folder: "UploadFolder") -> None:
        """Counts bytes of an upload.

        Raises:
            UploadsBusy: the other uploads leave too little space.
        """
        # An upload that is alone is never refused: the next try would be refused, too.
        is_alone = self._taken_bytes == folder.taken_bytes
        if self._taken_bytes + size_bytes > self._limit_bytes and not is_alone:
            sentence = "Too many uploads are being received just now. Please try again."
            raise UploadsBusy(sentence, retry_after_seconds=_RETRY_SECONDS)
        self._taken_bytes += size_bytes
        folder.taken_bytes += size_bytes


class UploadFolder:
    """The folder with the files of one upload: a picture, or a whole submission.

    Attributes:
        taken_bytes: how many bytes of the space it takes.
    """

    def __init__(self, path: Path, space: UploadSpace) -> None:
        self.path, self._space = path, space
        self.taken_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Counts what is about to be written.

        Raises:
            UploadsBusy: the other uploads leave too little space.
        """
        self._space.take(size_bytes, self)

    def count_files(self) -> None:
        """Counts the files with their current sizes.

        Raises:
            UploadsBusy: the other uploads leave too little space.
        """
        self.take(sum(path.stat().st_size for path in self.path.iterdir()) - self.taken_bytes)

    async def count(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yields what arrives, after counting it.

        Raises:
            UploadsBusy: the other uploads leave too little space.
        """
        async for chunk in stream:
            self.take(len(chunk))
            yield chunk
