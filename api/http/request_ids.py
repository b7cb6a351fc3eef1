"""Each request has an id, its client's or one of ours, that its logs, job and answer have too."""

import re
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import logs

HEADER = "X-Request-ID"
_RAW_HEADER = HEADER.lower().encode()

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(_RAW_HEADER, b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else token_hex(16)

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (_RAW_HEADER, request_id.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        with logs.about(request_id=request_id):
            await self._app(scope, receive, telling)
