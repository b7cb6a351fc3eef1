"""What browsers are told not to do with our answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise: a page has a policy of its own."""

NOT_EMBEDDED = {"Cross-Origin-Resource-Policy": "same-origin"}
"""On every answer while no keys are asked for: a page of another site cannot show our pictures.
With keys it needs a token of ours to do so."""


class Protection:
    """ASGI middleware.

    Args:
        allows_embedding: whether pages of other sites may show our pictures.
    """

    def __init__(self, app: ASGIApp, *, allows_embedding: bool) -> None:
        self._app = app
        headers = HEADERS if allows_embedding else HEADERS | NOT_EMBEDDED
        # As ASGI has them: they are on every answer, so they are encoded once.
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                missing = (header for header in self._headers if header[0] not in said)
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, telling)
