"""The parts of requests: the address, paths, headers, and the form with its pictures.

Pictures that the service would not accept are rejected before they are sent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit
from uuid import uuid4

import anyio.to_thread
import httpx

from pastiche.client.errors import InvalidAddress, InvalidPicture, InvalidRequest
from pastiche.client.job_options import PICTURE_FIELDS
from pastiche.client.models import Job, JobPicture, JobPictures, Style, Sweep, UploadedPicture
from pastiche.job_settings import JOB_SETTINGS
from pastiche.options import OPTIONS, check_names, encode_option
from pastiche.picture_sources import (
    Picture,
    Pictures,
    PillowPicture,
    PixelArray,
    UnreadablePicture,
    name_of,
    read_bytes,
)

DEFAULT_URL = "http://127.0.0.1:8000"
"""The address of `make serve`."""

CONNECT_SECONDS = 10.0

SILENCE_SECONDS = 45.0
"""A stream of events that is silent for this long is lost: the service sends a comment every 10
seconds."""

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Each watched job holds a connection. With a limit, many of them would block all other
requests."""

Form: TypeAlias = list[tuple[str, tuple[str | None, str | bytes]]]
"""The parts of a multipart form, each with its name. Texts have no file name."""

REFERENCES = ("https://", "http://", "data:", "picture:", "example:", "style:")
"""The beginnings of texts that are not paths, but references that the service resolves."""

LONGEST_IDEMPOTENCY_KEY = 255

_HEADER_TEXT = "printable ASCII characters, with no space before or after them"

_ACCEPTED = "JPEG, PNG, WebP and AVIF are accepted"

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}

_REJECTED = (
    ("a PDF", "save the page as a PNG", (b"%PDF",)),
    ("a GIF", "save it as a PNG", (b"GIF87a", b"GIF89a")),
    ("a TIFF or a camera's raw file", "save it as a JPEG or PNG", (b"II*\0", b"MM\0*")),
    ("a BMP", "save it as a PNG", (b"BM",)),
    ("a Photoshop file", "save it as a PNG", (b"8BPS",)),
)
"""Kinds of files that the service rejects: advice, and their first bytes."""


def check_address(url: str, key: str | None) -> None:
    """Raises InvalidAddress if the URL or the key cannot be used."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_valid = False
    if not is_valid:
        raise InvalidAddress(
            f"{url!r} is not the address of a service; it should look like {DEFAULT_URL}."
        )
    if key is not None and not _fits_in_header(key):
        raise InvalidAddress(f"The key is invalid: it must be {_HEADER_TEXT}.")


def make_headers(key: str | None) -> dict[str, str]:
    """The headers of every request. An empty key counts as no key."""
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    return {"User-Agent": "pastiche-client"} | authorization


def idempotency_header(key: str | None = None) -> dict[str, str]:
    """The header with which a submission creates only one job or sweep, even if it is repeated.

    Raises:
        InvalidRequest: the service would not accept the key.
    """
    if key is None:
        key = uuid4().hex
    elif not (0 < len(key) <= LONGEST_IDEMPOTENCY_KEY and _fits_in_header(key)):
        raise InvalidRequest(
            f"idempotency_key is invalid: it must be 1 to {LONGEST_IDEMPOTENCY_KEY} {_HEADER_TEXT}."
        )
    return {"Idempotency-Key": key}


def get_id(resource: Job | Sweep | UploadedPicture | str) -> str:
    """The id of a job, a sweep or a picture."""
    return resource if isinstance(resource, str) else resource.id


def make_path(
    collection: str, resource: Job | Sweep | UploadedPicture | str, part: str = ""
) -> str:
    """The path of a job, a sweep or a picture, or of a part of it."""
    path = f"/{collection}/{quote(get_id(resource), safe='')}"
    return f"{path}/{part}" if part else path


def make_form(
    content: JobPictures | None,
    style: JobPictures | None,
    options: Mapping[str, Any],
    limit_bytes: int,
) -> Form:
    """The multipart form of a submission. A URL or a data URI is sent as it is, instead of a file.

    Texts are parts, too. Otherwise httpx would send a form without pictures that is not multipart,
    which the service rejects.

    Raises:
        InvalidPicture: a picture cannot be read, or would not be accepted.
        OptionError: an option does not exist.
    """
    check_names(options, (*OPTIONS, *JOB_SETTINGS, *PICTURE_FIELDS))
    fields = {"content": content, "style": style, **options}
    pictures = {name: fields.pop(name, None) for name in PICTURE_FIELDS}
    texts = {name: encode_option(value) for name, value in fields.items() if value is not None}
    return [
        *((name, (None, text)) for name, text in texts.items()),
        *(
            _make_part(field, picture, limit_bytes)
            for field, several in pictures.items()
            for picture in _as_list(several)
        ),
    ]


def make_upload_form(data: bytes, name: str | None) -> Form:
    """The multipart form with the file of one picture and its name."""
    named: Form = [] if name is None else [("name", (None, name))]
    return [("picture", ("picture", data)), *named]


def read_upload(picture: Picture, limit_bytes: int) -> bytes:
    """Reads the file of a picture for `upload_picture`.

    Raises:
        InvalidPicture: the picture cannot be read, or would not be accepted.
    """
    return _read_upload("picture", picture, limit_bytes)


async def read_upload_in_thread(picture: Picture, limit_bytes: int) -> bytes:
    """Calls `read_upload` without blocking the event loop."""
    return await anyio.to_thread.run_sync(read_upload, picture, limit_bytes)


async def make_form_in_thread(
    content: JobPictures | None,
    style: JobPictures | None,
    options: Mapping[str, Any],
    limit_bytes: int,
) -> Form:
    """Calls `make_form` without blocking the event loop."""
    return await anyio.to_thread.run_sync(make_form, content, style, options, limit_bytes)


def read_uploads(
    pictures: Mapping[str, Pictures | None], limit_bytes: int
) -> list[tuple[str, bytes]]:
    """Reads the files of a form, each with the name of its field.

    Raises:
        InvalidPicture: a picture cannot be read, or would not be accepted.
    """
    return [
        (field, _read_upload(field, picture, limit_bytes))
        for field, several in pictures.items()
        for picture in _as_list(several)
    ]


def is_reference(picture: object) -> bool:
    """Whether a picture is a reference that the service resolves, such as a URL, not a path."""
    return isinstance(picture, str) and picture[:8].lower().startswith(REFERENCES)


def _fits_in_header(text: str) -> bool:
    """Whether a header can transmit this text unchanged. Spaces around it would be removed."""
    return text.isascii() and text.isprintable() and text == text.strip()


def _as_list(given: Any) -> Sequence[Any]:
    """The pictures of one field."""
    if given is None:
        return ()
    return given if isinstance(given, list | tuple) else (given,)


def _make_part(
    field: str, picture: JobPicture, limit_bytes: int
) -> tuple[str, tuple[str | None, str | bytes]]:
    """The part of a form with a picture: a file with its name, or a text that names it."""
    if isinstance(picture, UploadedPicture | Style):
        return field, (None, picture.reference)
    if isinstance(picture, str) and is_reference(picture):
        return field, (None, picture)
    return field, (_name_file(field, picture), _read_upload(field, picture, limit_bytes))


def _name_file(field: str, picture: Picture) -> str:
    """The name of a picture's file, encodable in a form, or otherwise the name of its field."""
    return Path(name_of(picture, field)).name.encode(errors="replace").decode() or field


def _read_upload(field: str, picture: Picture, limit_bytes: int) -> bytes:
    name = f"The {field} image"
    try:
        if isinstance(picture, PillowPicture | PixelArray):
            picture = _encode(picture, name)
        data = read_bytes(picture, name, limit_bytes)
    except UnreadablePicture as error:
        raise InvalidPicture(field, str(error)) from error
    if not _is_accepted(data):
        kind, advice = _describe_kind(data)
        raise InvalidPicture(field, f"{name_of(picture, name)} is {kind}; {_ACCEPTED}{advice}.")
    return data


def _is_accepted(data: bytes) -> bool:
    """Whether a file is a JPEG, PNG, WebP or AVIF, by its first bytes. Its name does not matter."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    is_avif = bool(_brands(data) & _AVIF_BRANDS)
    return is_webp or is_avif or data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def _describe_kind(data: bytes) -> tuple[str, str]:
    """What kind of file a rejected file is, and advice."""
    brands = _brands(data)
    if brands & _HEIC_BRANDS:
        return "an HEIC picture", ": save it as a JPEG"
    if brands or data.startswith(b"\x1aE\xdf\xa3"):
        return "a video", ": save one of its frames as a PNG"
    for kind, advice, beginnings in _REJECTED:
        if data.startswith(beginnings):
            return kind, f": {advice}"
    if b"<svg" in data[:1000]:
        return "an SVG drawing", ": save it as a PNG"
    return "not a picture in a known format", ""


def _brands(data: bytes) -> set[bytes]:
    """The brands of a file of the MP4 family (ISO/IEC 14496-12, section 4.3)."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[at : at + 4] for at in range(8, end, 4)}


def _encode(picture: PillowPicture | PixelArray, name: str) -> bytes:
    """Encodes a Pillow image or an array as a PNG file with the same pixels."""
    try:
        from pastiche.pictures import encode_png
    except ImportError as error:
        sentence = f"{name} is an array: install Pillow to send it, or send a file."
        raise UnreadablePicture(sentence) from error
    return encode_png(picture, name)
