"""Refuses a request body that is larger than any submission can be, before and while it comes, or
that is compressed."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem_of
from shared.errors import BodyTooLarge, WrongContentEncoding


class BodyLimit:
    """ASGI middleware: counts what comes in, so that a missing Content-Length helps nobody."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding not in ("", "identity"):
            sentence = f"Send the body as it is, not compressed with {encoding}."
            await problem_of(WrongContentEncoding(sentence))(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._limit_bytes:
                raise self._too_large()
            return message

        async def refused() -> Message:
            raise self._too_large()

        declared = headers.get(b"content-length", b"0")
        too_large = declared.isdigit() and int(declared) > self._limit_bytes
        await self._app(scope, refused if too_large else counted, send)

    def _too_large(self) -> BodyTooLarge:
        megabytes = self._limit_bytes / 1e6
        return BodyTooLarge(f"The whole request may have at most {megabytes:.0f} MB.")
