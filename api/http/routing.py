"""Requests that mean the same as another: HEAD as GET, a path with a slash at its end."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class TrailingSlashes:
    """ASGI middleware: `/jobs/` is `/jobs`. A redirect would lose the body with many clients."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope["path"] = scope["path"].removesuffix("/")
        await self._app(scope, receive, send)


class HeadRequests:
    """ASGI middleware: HEAD is answered as GET, without the body (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        as_get = {**scope, "method": "GET", "is_head": True}
        await self._app(as_get, receive, without_body)


def is_head(scope: Scope) -> bool:
    """Whether the body of an answer is not needed."""
    return bool(scope.get("is_head", False))
