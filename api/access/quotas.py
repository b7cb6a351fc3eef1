"""Quotas of a caller: requests per minute, and painting per day. Jobs in flight are counted when
they are queued."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from time import time

from anyio import CancelScope
from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from api.http.middleware import Middleware, on_response_start
from shared.errors import QuotaUsedUp, TooManyRequests
from shared.job_store import AsyncJobStore
from shared.settings import Settings

_SCOPE_KEY = "rate_limits"


class Quotas:
    """The quotas of all callers, counted in Redis for all API processes.

    If a limit is not set, nothing is counted.
    """

    def __init__(self, settings: Settings, jobs: AsyncJobStore) -> None:
        requests, work = settings.requests_per_minute, settings.megapixel_iterations_per_day
        self._requests = None if requests is None else RateLimitItemPerMinute(requests)
        self._work = None if work is None else RateLimitItemPerDay(work)
        storage = RedisStorage(
            "async+redis://localhost:6379",  # required but unused: the pool has the address
            implementation="redispy",
            connection_pool=jobs.client.connection_pool,  # type: ignore[arg-type]  # passed through
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def count_request(self, request: Request, caller: str) -> None:
        """Counts a request.

        Raises:
            TooManyRequests: the caller has sent too many in the last minute.
        """
        if self._requests is None:
            return
        allowed = await self._limiter.hit(self._requests, "requests", caller)
        retry = await self._record(request, "requests", self._requests, caller)
        if not allowed:
            sentence = f"At most {self._requests.amount} requests a minute are answered."
            raise TooManyRequests(sentence, retry_after_seconds=retry)

    @asynccontextmanager
    async def count_work(self, request: Request, caller: str, work: int) -> AsyncIterator[None]:
        """Counts pixel iterations, if the caller's daily quota allows them; it is exact even for
        concurrent requests. If the submission then fails, they are returned to the quota.

        Raises:
            QuotaUsedUp: they cost more than is left of the caller's daily quota.
        """
        if self._work is None:
            yield
            return
        cost = ceil(work / 1e6)
        allowed = await self._limiter.hit(self._work, "work", caller, cost=cost)
        retry = await self._record(request, "work", self._work, caller)
        if not allowed:
            sentence = (
                f"This submission costs {cost} million pixel iterations, more than is left of "
                f"your daily quota of {self._work.amount} million."
            )
            raise QuotaUsedUp(sentence, retry_after_seconds=retry)
        try:
            yield
        except BaseException:
            with CancelScope(shield=True):
                await self._limiter.hit(self._work, "work", caller, cost=-cost)
                await self._record(request, "work", self._work, caller)
            raise

    async def _record(self, request: Request, name: str, item: RateLimitItem, caller: str) -> int:
        """Records what is left, for the response's headers. Returns the seconds until a reset."""
        stats = await self._limiter.get_window_stats(item, name, caller)
        seconds = max(1, ceil(stats.reset_time - time()))
        limits = request.scope.setdefault(_SCOPE_KEY, {})
        limits[name] = (item.amount, item.get_expiry(), stats.remaining, seconds)
        return seconds


class RateLimitHeaders(Middleware):
    """Adds what is left of each limit to every response (the RateLimit header fields of the IETF's
    draft)."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        def add_limits(message: Message) -> None:
            limits = scope.get(_SCOPE_KEY, {}).items()
            if limits:
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = ", ".join(
                    f'"{name}";q={amount};w={window}' for name, (amount, window, _, _) in limits
                )
                headers["RateLimit"] = ", ".join(
                    f'"{name}";r={left};t={seconds}' for name, (_, _, left, seconds) in limits
                )

        await self.app(scope, receive, on_response_start(send, add_limits))
