"""The settings of a picture in its own file, so that another can be painted in the same way.

A PNG has them as a text chunk, a JPEG or WebP as the description in its EXIF. They are a JSON
object with the version of Pastiche, every option, including seed and backbone, and the id of the
job if a service painted the picture. They do not include the names of the pictures that it was
painted from, because those are private. Reading them needs only Python.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pastiche.job_settings import JOB_ID_PATTERN
from pastiche.options import OptionError, Options, update_options
from pastiche.picture_metadata import exif_text, png_chunks
from pastiche.version import __version__

KEYWORD = "pastiche"
"""The keyword of the text chunk, and the key of the version in the JSON object."""

IMAGE_DESCRIPTION = 0x010E
"""The tag in EXIF."""

LONGEST_SETTINGS_BYTES = 60_000
"""A JPEG has no room for more, so Pastiche cannot have written a longer text."""


class UnreadableSettings(ValueError):
    """A file has no settings, or some that this version cannot read; the message says which."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """How a picture was painted.

    Attributes:
        version: the version of Pastiche that painted it.
        job_id: the id of its job. None if no service painted it, or the version of Pastiche did not
            write the id yet.
    """

    version: str
    options: Options
    job_id: str | None = None


def describe_settings(options: Options, backbone: str, job_id: str | None = None) -> str:
    """The text for a picture that this backbone has painted, with the id of the job, if any."""
    job = {} if job_id is None else {"job": job_id}
    settings = {KEYWORD: __version__, "options": asdict(options) | {"backbone": backbone}}
    return json.dumps(settings | job)


def save_arguments(format: str, settings: str) -> dict[str, Any]:
    """The arguments of Pillow's `save` that write the settings to a PNG, JPEG or WebP."""
    if format.lower() == "png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text(KEYWORD, settings)
        return {"pnginfo": info}
    text = settings.encode("ascii") + b"\0"
    header = struct.pack("<2sHI", b"II", 42, 8)
    entry = struct.pack("<HHHIII", 1, IMAGE_DESCRIPTION, 2, len(text), 26, 0)
    return {"exif": b"Exif\0\0" + header + entry + text}


def find_settings(data: bytes) -> str | None:
    """The text in a picture file. None if it has none. Another program may have written it."""
    if data.startswith(b"\x89PNG"):
        head = f"{KEYWORD}\0".encode()
        chunks = (data[start : end - 4] for name, start, end in png_chunks(data) if name == b"tEXt")
        text = next((each[len(head) :] for each in chunks if each.startswith(head)), b"")
    elif data.startswith(b"\xff\xd8"):
        text = exif_text(data.partition(b"Exif\0\0")[2], IMAGE_DESCRIPTION)
    else:  # a WebP has it after the pixels
        text = exif_text(data.rpartition(b"EXIF")[2][4:], IMAGE_DESCRIPTION)
    is_ours = text.startswith(b"{") and len(text) <= LONGEST_SETTINGS_BYTES
    return text.decode("latin-1") if is_ours else None


def read_settings(data: bytes) -> PictureSettings:
    """The settings in a picture file.

    Raises:
        UnreadableSettings: it has none, or some that this version does not know.
    """
    try:
        found = json.loads(find_settings(data) or "null")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping) or not isinstance(found.get("options"), Mapping):
        raise UnreadableSettings("does not say how it was painted: Pastiche has not saved it.")
    version, job = str(found.get(KEYWORD)), found.get("job")
    # Anybody may have written the file, and the id becomes part of a URL.
    job_id = job if isinstance(job, str) and re.fullmatch(JOB_ID_PATTERN, job) else None
    try:
        return PictureSettings(version, update_options(Options(), found["options"]), job_id)
    except OptionError as error:
        sentence = f"was painted by Pastiche {version}, with settings that are unknown: {error}"
        raise UnreadableSettings(sentence) from error
