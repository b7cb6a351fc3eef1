"""What browsers are told not to do with our answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise: a page has a policy of its own."""

_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
"""As ASGI has them: they are on every answer, so they are encoded once."""


class Protection:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                missing = (header for header in _RAW if header[0] not in said)
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, telling)
