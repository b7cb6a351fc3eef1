"""The style images on the service's own disk: the built-in ones, and those of the operator."""

import logging
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from anyio import Lock, to_thread

from api.decoding.decoder import Decoder
from shared.errors import EncodingFailed
from shared.pictures import DamagedPicture, encode_thumbnail, size_of
from shared.settings import Settings

log = logging.getLogger(__name__)

EXAMPLES = Path(__file__).parents[2] / "examples" / "images"

MAX_STYLES = 200
"""How many files of a folder are read, the first by name."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class StyleFile:
    """A file that may be a style image. A file that has changed is a different value."""

    reference: str
    path: Path
    modified_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Style:
    """A style image that can be decoded.

    Attributes:
        reference: the value of a picture field that names it, such as `example:wave`.
        width: in pixels.
        height: in pixels.
        thumbnail: a small WebP file.
    """

    reference: str
    width: int
    height: int
    thumbnail: bytes

    @property
    def name(self) -> str:
        return self.reference.partition(":")[2]

    @property
    def title(self) -> str:
        """The name for people: `stained_glass` is “Stained glass”."""
        return re.sub("[_-]+", " ", self.name).strip().capitalize()

    @property
    def etag(self) -> str:
        return f'"{sha256(self.thumbnail).hexdigest()[:32]}"'


class StyleCatalogue:
    """The styles on disk. A file is decoded once, when it is first listed; one that cannot be
    decoded is left out, with a line in the log.

    Args:
        scratch: a folder for temporary files.
    """

    def __init__(self, settings: Settings, decoder: Decoder, scratch: Path) -> None:
        self._decoder, self._scratch = decoder, scratch
        self._limit_bytes = settings.upload_limit_bytes
        self._folders = {"example": EXAMPLES / "style"}
        if settings.styles_folder is not None:
            self._folders["style"] = settings.styles_folder
        self._decoded: dict[StyleFile, Style | None] = {}
        self._rejected: set[Path] = set()
        self._lock = Lock()

    async def find_files(self) -> dict[str, StyleFile]:
        """Every file that may be a style, by its reference, in order."""
        return await to_thread.run_sync(self._find_files)

    async def list_styles(self) -> list[Style]:
        """Every style."""
        files = await self.find_files()
        async with self._lock:
            for file in files.values():
                if file not in self._decoded:
                    self._decoded[file] = await self._decode(file)
            self._decoded = {file: self._decoded[file] for file in files.values()}
            return [style for style in self._decoded.values() if style is not None]

    def _find_files(self) -> dict[str, StyleFile]:
        files: dict[str, StyleFile] = {}
        for prefix, folder in self._folders.items():
            for path in self._list_folder(folder):
                reference = f"{prefix}:{path.stem.lower()}"
                try:
                    status = path.stat()
                except OSError as error:
                    self._reject(path, str(error))
                    continue
                file = StyleFile(reference, path, status.st_mtime_ns, status.st_size)
                fault = self._find_fault(file)
                if fault is None and reference in files:
                    fault = f"{files[reference].path.name} has the same name"
                if fault is None:
                    files[reference] = file
                else:
                    self._reject(path, fault)
        return files

    def _list_folder(self, folder: Path) -> list[Path]:
        try:
            paths = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
        except OSError as error:
            self._reject(folder, str(error))
            return []
        paths.sort(key=lambda path: path.name.lower())
        for path in paths[MAX_STYLES:]:
            self._reject(path, f"there are more than {MAX_STYLES} files")
        return paths[:MAX_STYLES]

    def _find_fault(self, file: StyleFile) -> str | None:
        if not _NAME.fullmatch(file.path.stem.lower()):
            return "a name has up to 64 letters, digits, _ and -"
        if file.size_bytes > self._limit_bytes:
            return f"it is larger than {self._limit_bytes / 1e6:.0f} MB"
        return None

    async def _decode(self, file: StyleFile) -> Style | None:
        """Decodes a file like an upload."""
        with TemporaryDirectory(dir=self._scratch) as folder:
            copy, picture = Path(folder) / "copy", Path(folder) / "picture"
            try:
                await to_thread.run_sync(copyfile, file.path, copy)
                fault = await self._decoder.normalise(copy, picture)
                if fault is not None:
                    self._reject(file.path, fault.detail)
                    return None
                async with self._decoder.turn() as run:
                    thumbnail = await run(encode_thumbnail, picture.read_bytes())
            except (OSError, DamagedPicture, EncodingFailed) as error:
                self._reject(file.path, str(error))
                return None
            height, width = size_of(picture)
        return Style(file.reference, width, height, thumbnail)

    def _reject(self, path: Path, fault: str) -> None:
        """Logs once why a file is left out."""
        if path not in self._rejected:
            self._rejected.add(path)
            log.warning("Style image %s is left out: %s", path, fault)
