"""Runs transitions against Redis: one thin driver for the worker, one for the API."""

from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.calls import Transition

Reply = TypeVar("Reply")

_TIMEOUT_SECONDS = 5.0

_MOST_CONNECTIONS = 64
"""Of one API process; a thousand requests at once wait for one another's."""

_WITH_PRELUDE = ("job", "sweep")
"""The folders of scripts that have a prelude of their own."""


@cache
def script_text(name: str) -> str:
    """The Lua of the script called `name`, with the preludes that go before it."""
    subject, _, rest = name.partition("/")
    own = (f"{subject}/prelude",) if rest and subject in _WITH_PRELUDE else ()
    preludes = ("clock", "line", "counting", *own)
    folder = files("shared") / "scripts"
    return "".join((folder / f"{part}.lua").read_text("utf-8") for part in (*preludes, name))


class JobStore:
    """The records, for a worker.

    Raises:
        redis.RedisError: from every method, where Redis cannot be reached or refuses.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client
        self._script = cache(lambda name: client.register_script(script_text(name)))

    @classmethod
    def connect(cls, url: str) -> "JobStore":
        retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        return cls(redis.Redis.from_url(url, retry=retry, **_connection_options()))

    def run(self, transition: Transition[Reply]) -> Reply:
        """One transition, whole or not at all."""
        script = self._script(transition.script)
        return transition.read(script(keys=transition.keys, args=transition.arguments))


class AsyncJobStore:
    """The records, for the API.

    Raises:
        redis.RedisError: from every method, where Redis cannot be reached or refuses.
    """

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self.client = client
        self._script = cache(lambda name: client.register_script(script_text(name)))

    @classmethod
    def connect(cls, url: str) -> "AsyncJobStore":
        retry = AsyncRetry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            retry=retry,
            **_connection_options(),
        )
        return cls(redis.asyncio.Redis.from_pool(pool))

    async def run(self, transition: Transition[Reply]) -> Reply:
        """One transition, whole or not at all."""
        script = self._script(transition.script)
        return transition.read(await script(keys=transition.keys, args=transition.arguments))

    async def close(self) -> None:
        await self.client.aclose()


def _connection_options() -> dict[str, Any]:
    """One more try where a connection was gone, none where Redis hangs: who asks tries again."""
    return {
        "decode_responses": True,
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "health_check_interval": 30,
    }
