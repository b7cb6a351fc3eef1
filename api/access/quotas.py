"""How much one caller may ask for: requests a minute, and painting a day; jobs in flight are
counted where they are queued."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from math import ceil
from time import time

from anyio import CancelScope
from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import QuotaUsedUp, TooManyRequests
from shared.job_store import AsyncJobStore
from shared.settings import Settings

_NOTED = "rate_limits"


class Quotas:
    """Those of all callers, counted in Redis: every API process has the same.

    Where a limit is not set, nothing is counted.
    """

    def __init__(self, settings: Settings, jobs: AsyncJobStore) -> None:
        requests, work = settings.requests_per_minute, settings.megapixel_iterations_per_day
        self._requests = None if requests is None else RateLimitItemPerMinute(requests)
        self._work = None if work is None else RateLimitItemPerDay(work)
        storage = RedisStorage(
            "async+redis://localhost:6379",  # for its form alone: the pool has the true address
            implementation="redispy",
            connection_pool=jobs.client.connection_pool,  # type: ignore[arg-type]  # passed through
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def count_request(self, request: Request, caller: str) -> None:
        """One more request.

        Raises:
            TooManyRequests: that is more than a caller may ask in a minute.
        """
        if self._requests is None:
            return
        allowed = await self._limiter.hit(self._requests, "requests", caller)
        retry = await self._note(request, "requests", self._requests, caller)
        if not allowed:
            sentence = f"At most {self._requests.amount} requests a minute are answered."
            raise TooManyRequests(sentence, retry_after_seconds=retry)

    @asynccontextmanager
    async def counted_work(self, request: Request, caller: str, work: int) -> AsyncIterator[None]:
        """Counts so many pixels times iterations, if a caller may have them painted today: however
        many ask at the same time, no more than that is counted. Where the submission then fails,
        they are given back.

        Raises:
            QuotaUsedUp: that is more than a caller may have painted in a day.
        """
        if self._work is None:
            yield
            return
        cost = ceil(work / 1e6)
        allowed = await self._limiter.hit(self._work, "work", caller, cost=cost)
        retry = await self._note(request, "work", self._work, caller)
        if not allowed:
            sentence = (
                f"This job takes {cost} million pixel iterations; a caller may have "
                f"{self._work.amount} painted a day, and has used too many of them."
            )
            raise QuotaUsedUp(sentence, retry_after_seconds=retry)
        try:
            yield
        except BaseException:
            with CancelScope(shield=True):
                await self._limiter.hit(self._work, "work", caller, cost=-cost)
                await self._note(request, "work", self._work, caller)
            raise

    async def _note(self, request: Request, name: str, item: RateLimitItem, caller: str) -> int:
        """Notes how much is left, for the answer's headers; in how many seconds all of it is."""
        stats = await self._limiter.get_window_stats(item, name, caller)
        seconds = max(1, ceil(stats.reset_time - time()))
        noted = request.scope.setdefault(_NOTED, {})
        noted[name] = (item.amount, item.get_expiry(), stats.remaining, seconds)
        return seconds


class RateLimitHeaders:
    """ASGI middleware: says with every answer what is left (the RateLimit header fields of the
    IETF's draft)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and _NOTED in scope:
                headers = MutableHeaders(scope=message)
                noted = scope[_NOTED].items()
                headers["RateLimit-Policy"] = _list(
                    f'"{name}";q={amount};w={window}' for name, (amount, window, _, _) in noted
                )
                headers["RateLimit"] = _list(
                    f'"{name}";r={left};t={seconds}' for name, (_, _, left, seconds) in noted
                )
            await send(message)

        await self._app(scope, receive, telling)


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)
