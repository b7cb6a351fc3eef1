"""A picture that the service has painted, as the client returns it."""

import os
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from pastiche.client.models import Format

_BEGINNINGS: Final[dict[bytes, Format]] = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}

_FORMATS: Final[dict[str, Format]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}


class PaintedPicture(bytes):
    """The bytes of a picture file. `save` writes them, and a notebook shows the picture."""

    __slots__ = ()

    @property
    def format(self) -> Format:
        """The format, recognised by the first bytes."""
        known = (name for beginning, name in _BEGINNINGS.items() if self.startswith(beginning))
        return next(known, "webp")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the bytes to a file. An existing file is replaced.

        Raises:
            ValueError: the file's extension belongs to another format.
            OSError: it cannot be written.
        """
        extension = Path(path).suffix.lower()
        if _FORMATS.get(extension, self.format) != self.format:
            raise ValueError(
                f"{os.fspath(path)} does not fit the format {self.format.upper()}: "
                f"ask for format={_FORMATS[extension]!r}."
            )
        Path(path).write_bytes(self)

    def __repr__(self) -> str:
        return f"<PaintedPicture: {self.format}, {len(self)} bytes>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """What Jupyter shows."""
        return {f"image/{self.format}": b64encode(self).decode(), "text/plain": repr(self)}
