"""Parses the parts of a request that say what it contains and accepts: its media type, integers,
formats, `Accept`, `If-None-Match` and `Range`."""

import re
from typing import Annotated, Any

from fastapi import Request
from pydantic import BeforeValidator
from python_multipart.multipart import parse_options_header

from pastiche.option_values import parse_integer
from shared.errors import NotAcceptable, WrongContentType
from shared.pictures import MEDIA_TYPES, Format

_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii")

_ALIASES = {"image/jpg": "image/jpeg"}

_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?|\.[0-9]+")
_BYTE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def _parse_integer(value: Any) -> Any:
    try:
        return parse_integer(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a whole number") from None


def _parse_format(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    media_type = f"image/{value.strip().lower().removeprefix('image/')}"
    return _resolve_alias(media_type).removeprefix("image/")


ASCII_INTEGER = BeforeValidator(_parse_integer)
"""Parses the text of an integer. It must come after the bounds, so that OpenAPI contains them."""

PictureFormat = Annotated[Format, BeforeValidator(_parse_format)]
"""The format of a picture, or its media type; `jpg` is `jpeg`."""


def _resolve_alias(media_type: str) -> str:
    """The registered name of a media type that also has another."""
    return _ALIASES.get(media_type, media_type)


def require_media_type(request: Request, *accepted: str) -> str:
    """The media type of a request's body, which is in UTF-8.

    Raises:
        WrongContentType: the media type is not accepted, or the encoding is not UTF-8.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    media_type = kind.strip().lower().decode("latin-1")
    if media_type not in accepted:
        raise WrongContentType(f"Send the body as {' or '.join(accepted)}.")
    # Python has encodings that fail in odd ways or give text that cannot be encoded again, and
    # caches every name that it is ever given.
    if parameters.get(b"charset", b"utf-8").strip().lower() not in _ENCODINGS:
        raise WrongContentType("Send the body in UTF-8.")
    return media_type


def is_unchanged(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag, as a strong or a weak one, or is `*` (RFC 9110,
    section 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    names = (name.strip().removeprefix("W/") for name in known.split(","))
    return any(name in (etag, "*") for name in names)


PICTURE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}},
    304: {"description": "The client has it already"},
}
"""The responses of an endpoint that sends a picture in the requested format."""


def require_format(
    format: Format | None, request: Request, name: str, *, first: Format = "png"
) -> Format:
    """The format that a request names, or else the one that it accepts.

    Args:
        name: the name of what is sent, for the error.
        first: the format if it accepts several equally.

    Raises:
        NotAcceptable: it accepts none.
    """
    chosen = format or choose_format(request.headers.get("accept", "*/*"), first)
    if chosen is None:
        raise NotAcceptable(f"The {name} is available as {', '.join(MEDIA_TYPES.values())}.")
    return chosen


def choose_format(accept: str, first: Format = "png") -> Format | None:
    """The format that an `Accept` header prefers, `first` if several are equal; None if it accepts
    none (RFC 9110, section 12.5.1)."""
    best: tuple[float, Format | None] = (0.0, None)
    for name in sorted(MEDIA_TYPES, key=lambda each: each != first):
        quality = _get_quality(MEDIA_TYPES[name], accept)
        if quality > best[0]:
            best = (quality, name)
    return best[1]


def preferred_format(accept: str) -> Format | None:
    """The format that an `Accept` header prefers to JSON; None if it prefers none, like `*/*`."""
    chosen = choose_format(accept)
    if chosen is None:
        return None
    quality = _get_quality(MEDIA_TYPES[chosen], accept)
    return chosen if quality > _get_quality("application/json", accept) else None


def _get_quality(media_type: str, accept: str) -> float:
    """The quality of the most specific range in the header that includes this media type."""
    qualities: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        qualities[_resolve_alias(name)] = _parse_quality(parameters)
    kind = media_type.partition("/")[0]
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in qualities:
            return qualities[name]
    return 0.0


def _parse_quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return float(value) if _QUALITY.fullmatch(value) else 0.0
    return 1.0


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range, inclusive; `-n` means the last n bytes. None if the
    header is invalid, or names several ranges (RFC 9110, section 14).

    Args:
        size: the number of bytes in all.
    """
    match = _BYTE_RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
