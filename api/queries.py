"""Query parameters: the types that endpoints declare, and which of them count as given."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from pastiche.option_kinds import read_whole
from shared.pictures import Format

_ALIASES = {"image/jpg": "image/jpeg"}


def _whole(value: Any) -> Any:
    try:
        return read_whole(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a whole number") from None


def _format(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    media_type = f"image/{value.strip().lower().removeprefix('image/')}"
    return without_aliases(media_type).removeprefix("image/")


IN_ASCII_DIGITS = BeforeValidator(_whole)
"""Behind the bounds of a whole number, so that OpenAPI has them: how it is read."""

PictureFormat = Annotated[Format, BeforeValidator(_format)]
"""The format of a picture, or its media type; `jpg` is `jpeg`."""


def without_aliases(media_type: str) -> str:
    """The registered name of a media type that also has another."""
    return _ALIASES.get(media_type, media_type)


class BlankQueries:
    """ASGI middleware: a query parameter without a value, as an HTML form sends for a field that
    was left blank, is one that is not given."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"]:
            parts = scope["query_string"].split(b"&")
            scope["query_string"] = b"&".join(part for part in parts if _has_value(part))
        await self._app(scope, receive, send)


def _has_value(part: bytes) -> bool:
    return any(value.strip() for _, value in parse_qsl(part.decode("latin-1")))
