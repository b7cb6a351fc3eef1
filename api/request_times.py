"""How long this process's requests take, by method, route and status."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.routing import is_head
from shared import metrics

NOWHERE = "none"
"""The route of a request that none was found for."""


class RequestTimes:
    """The requests of this process, by method, route and status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            metrics.REQUESTS.name,
            metrics.REQUESTS.description,
            ("method", "route", "status"),
            registry=self.registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more request was answered."""
        self._seconds.labels(method, route, str(status)).observe(seconds)


class TimeRequests:
    """ASGI middleware: notes each request when its answer begins, so that a stream counts too."""

    def __init__(self, app: ASGIApp, times: RequestTimes) -> None:
        self._app, self._times = app, times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", NOWHERE)
                seconds = perf_counter() - began
                method = "HEAD" if is_head(scope) else scope["method"]
                self._times.note(method, route, message["status"], seconds)
            await send(message)

        await self._app(scope, receive, noting if scope["type"] == "http" else send)
