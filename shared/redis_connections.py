"""Connects to Redis by one URL: to a server, with TLS or without, or to the primary that Sentinel
names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL_PORT = 26379

_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "redis+sentinel": "redis",
    "rediss+sentinel": "rediss",
}
"""The schemes of our URLs, each with the one that redis-py gets for the rest of the URL."""

_SENTINEL_ARGUMENTS = ("sentinel_username", "sentinel_password")

_CLASS = "connection_class"

_TIMEOUT_SECONDS = 5.0

_SENTINEL_TIMEOUT_SECONDS = 1.0
"""A Sentinel that is down must not delay a connection for long: the next one is tried."""

_MAX_CONNECTIONS = 64
"""The limit of one API process; further concurrent requests wait for a free connection."""

NO_CLUSTER = (
    "Redis Cluster cannot be used: each change of a job is one script on its record, the queue and "
    "the lists, and a cluster refuses a script whose keys are in several slots. Use one primary, "
    "with replicas and Sentinel if it has to survive the loss of a machine."
)

_UNREADABLE = (
    "The URL of Redis cannot be read: its ports and its database must be numbers, and special "
    "characters in its user and password must be percent-encoded."
)

_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "socket_timeout": _TIMEOUT_SECONDS,
    "socket_connect_timeout": _TIMEOUT_SECONDS,
    "health_check_interval": 30,
}
"""One retry if a connection was lost, none if Redis hangs: the caller retries."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how to connect to it.

    Attributes:
        url: as redis-py takes it; without a host if Sentinels name it.
        sentinels: the host and the port of each; none without Sentinel.
        primary: the name by which the Sentinels know the primary.
        sentinel_login: user and password of the Sentinels, if they have any.
    """

    url: str = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    primary: str = ""
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a connection, as redis-py takes them, without its class."""
        return {name: each for name, each in self._parsed.items() if name != _CLASS}

    @property
    def tls(self) -> dict[str, Any] | None:
        """The arguments for TLS; None without it. Certificates are verified by default."""
        if self._parsed.get(_CLASS) is not SSLConnection:
            return None
        given = {name: each for name, each in self.arguments.items() if name.startswith("ssl_")}
        return {"ssl_cert_reqs": "required"} | given

    @property
    def sentinel_arguments(self) -> dict[str, Any]:
        """The arguments of a connection to a Sentinel, which has TLS if the servers have it."""
        tls = {} if self.tls is None else {"ssl": True} | self.tls
        timeouts = ("socket_timeout", "socket_connect_timeout")
        timeout = dict.fromkeys(timeouts, _SENTINEL_TIMEOUT_SECONDS)
        return timeout | tls | dict(self.sentinel_login)

    @property
    def _parsed(self) -> dict[str, Any]:
        parsed: dict[str, Any] = parse_url(self.url)  # type: ignore[no-untyped-call]  # no types in redis-py
        return parsed


def parse_redis_url(url: str) -> RedisAddress:
    """Where Redis is.

    Raises:
        ValueError: the URL is invalid; the message does not contain its password.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(_UNREADABLE) from error
    if "cluster" in parts.scheme:
        raise ValueError(NO_CLUSTER)
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ValueError(f"The URL of Redis must begin with one of {known}.")
    if parts.scheme.endswith("+sentinel"):
        address = _parse_sentinels(parts)
    else:
        address = RedisAddress(url)
        if parts.scheme != "unix":
            _check_database(parts.path.strip("/"))
    _check_arguments(address)
    return address


def hide_login(url: str) -> str:
    """The URL without users, passwords and arguments, which may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _parse_sentinels(parts: SplitResult) -> RedisAddress:
    """Parses `redis+sentinel://user:password@host:port,…/primary/database?argument=value`."""
    login, at, hosts = parts.netloc.rpartition("@")
    try:
        found = [urlsplit(f"//{each}") for each in hosts.split(",") if each]
        sentinels = tuple((each.hostname or "", each.port or SENTINEL_PORT) for each in found)
    except ValueError as error:
        raise ValueError(_UNREADABLE) from error
    primary, _, database = parts.path.strip("/").partition("/")
    if not sentinels or not primary:
        raise ValueError(
            "The URL of Sentinels must name them and their primary, as in "
            "redis+sentinel://one.example:26379,two.example:26379/primary."
        )
    query = dict(parse_qsl(parts.query))
    sentinel_login = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in _SENTINEL_ARGUMENTS
        if name in query
    }
    _check_database(database)
    url = f"{_SCHEMES[parts.scheme]}://{login}{at}/{database}?{urlencode(query)}"
    return RedisAddress(url, sentinels, unquote(primary), sentinel_login)


def _check_database(database: str) -> None:
    """Raises ValueError unless it is empty or a number: redis-py would use database 0."""
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(_UNREADABLE)


def _check_arguments(address: RedisAddress) -> None:
    """Raises ValueError if a connection does not know one of the URL's arguments: otherwise the
    first connection would fail."""
    try:
        redis.ConnectionPool.from_url(address.url).make_connection()
    except ValueError as error:  # its text may contain a part of the password
        raise ValueError(_UNREADABLE) from error
    except (TypeError, redis.RedisError) as error:
        fault = str(error).rpartition("got an ")[2]  # without the name of a constructor
        raise ValueError(f"The URL of Redis has an invalid argument: {fault}.") from error


def connect(url: str) -> "redis.Redis":
    """A client for a worker, which connects when it is first used.

    Raises:
        ValueError: the URL is invalid.
    """
    address = parse_redis_url(url)
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    options = _OPTIONS | {"retry": retry}
    if not address.sentinels:
        return redis.Redis.from_url(address.url, **options)
    sentinel = Sentinel(address.sentinels, sentinel_kwargs=address.sentinel_arguments)  # type: ignore[no-untyped-call]  # no types in redis-py
    tls, arguments = address.tls is not None, options | address.arguments
    client: redis.Redis = sentinel.master_for(address.primary, ssl=tls, **arguments)  # type: ignore[no-untyped-call]  # no types in redis-py
    return client


def connect_async(url: str) -> "redis.asyncio.Redis":
    """A client for the API, which connects when it is first used.

    Raises:
        ValueError: the URL is invalid.
    """
    address = parse_redis_url(url)
    retry = AsyncRetry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    options = _OPTIONS | {
        "retry": retry,
        "max_connections": _MAX_CONNECTIONS,
        "timeout": _TIMEOUT_SECONDS,
    }
    if not address.sentinels:
        pool = redis.asyncio.BlockingConnectionPool.from_url(address.url, **options)
        return redis.asyncio.Redis.from_pool(pool)
    sentinel = AsyncSentinel(address.sentinels, sentinel_kwargs=address.sentinel_arguments)  # type: ignore[no-untyped-call]  # no types in redis-py
    client: redis.asyncio.Redis = sentinel.master_for(
        address.primary,
        connection_pool_class=_BlockingSentinelPool,
        ssl=address.tls is not None,
        **options | address.arguments,
    )
    return client


class _BlockingSentinelPool(AsyncSentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to the primary; if all of them are in use, requests wait."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()
