"""The files in the body of a request, which are written only once, as they arrive."""

from binascii import Error as InvalidBase64
from binascii import a2b_base64
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import UploadFile

from shared.errors import FieldError
from shared.settings import Settings

MAX_TEXT_BYTES = 16 * 1024
"""How long the text of a field may be. The limit of a data URI is that of a file instead."""

_BUFFER_BYTES = 64 * 1024

_DATA = b"data:"
_MAX_HEAD_BYTES = 200
_WHITESPACE = b" \t\r\n\f"


class Upload(UploadFile):
    """A file of a form. It is written as it arrives, or when it is finished if it is small. It is
    open only while it is written, because there may be many files.

    Attributes:
        digest: the hash of what was written.
    """

    def __init__(self, path: Path, filename: str | None) -> None:
        super().__init__(BytesIO(), size=0, filename=filename)
        self.path = path
        self.digest = sha256()
        self._buffer = bytearray()

    async def write(self, data: bytes) -> None:
        assert self.size is not None
        self.size += len(data)
        await self._add(data)

    async def seek(self, offset: int) -> None:
        """Does nothing: the parser rewinds each file."""

    def flush(self) -> None:
        self._append(self._buffer)
        self._buffer.clear()

    def finish(self) -> None:
        """Writes the rest, once everything has arrived."""
        self.flush()

    async def _add(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await to_thread.run_sync(self.flush)

    def _append(self, data: bytes | bytearray) -> None:
        self.digest.update(data)
        with self.path.open("ab") as out:
            out.write(data)


class DataUri(Upload):
    """A file as a text, `data:image/png;base64,…` (RFC 2397), which is decoded as it arrives.

    Its media type may be missing or wrong: pictures are recognised by their bytes. As in browsers,
    base64 may have white space in it, and no padding.

    Args:
        text: the beginning of the URI.

    Attributes:
        fault: what is wrong with the text so far; None if nothing is.
    """

    def __init__(self, path: Path, text: bytes = b"") -> None:
        super().__init__(path, "data URI")
        self._buffer += text
        self.fault: str | None = None
        self._has_head = self._is_padded = False

    async def write(self, data: bytes) -> None:
        await self._add(data)

    def flush(self) -> None:
        """Decodes what has arrived, except for up to three characters."""
        if not self._has_head:
            self._read_head()
        text = self._buffer.translate(None, _WHITESPACE)
        whole = len(text) - len(text) % 4
        self._decode(text[:whole])
        self._buffer = text[whole:]

    def finish(self) -> None:
        """Decodes the rest."""
        self.flush()
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._decode(rest + b"=" * (-len(rest) % 4))

    def _read_head(self) -> None:
        head, comma, rest = self._buffer.partition(b",")
        self._buffer, self._has_head = rest, True
        if not comma or len(head) > _MAX_HEAD_BYTES or not head.lower().endswith(b";base64"):
            self.fault = "A data URI must begin like data:image/png;base64, and continue in base64."

    def _decode(self, text: bytes | bytearray) -> None:
        if self.fault is not None or not text:
            return
        try:
            data = a2b_base64(text, strict_mode=True)
        except InvalidBase64:
            data = b""
        if not data or self._is_padded:
            self.fault = "This data URI is damaged: it is not base64."
            return
        self._is_padded = text.endswith(b"=")
        assert self.size is not None
        self.size += len(data)
        self._append(data)


def is_data_uri(text: bytes | bytearray) -> bool:
    """Whether this is the beginning of a data URI."""
    return text[: len(_DATA)].lower() == _DATA


def is_blank(value: UploadFile | str) -> bool:
    """Whether a browser sends this for a field that was left blank: an empty text, or a file
    without a name and content."""
    if isinstance(value, str):
        return not value.strip()
    return not value.filename and not value.size


def check_upload(field: str, upload: UploadFile, settings: Settings) -> FieldError | None:
    """What is wrong with a file before it is decoded, if anything is."""
    if isinstance(upload, DataUri) and upload.fault is not None:
        return FieldError(field, "not_base64", upload.fault)
    return check_size(field, upload.size or 0, settings)


def check_size(field: str, size_bytes: int, settings: Settings) -> FieldError | None:
    """What is wrong with the size of a file, if anything is."""
    if not size_bytes:
        return FieldError(field, "empty_file", "This file is empty.")
    if size_bytes > settings.upload_limit_bytes:
        limit = settings.upload_limit_megabytes
        return FieldError(field, "file_too_large", f"This file is larger than {limit} MB.")
    return None
