"""The network of webhooks: public addresses alone, and connections with a deadline."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from ssl import SSLContext
from time import monotonic
from typing import Any

import httpcore

from shared.webhooks import is_public

TIMEOUT_SECONDS = 10.0
"""For one step of a connection."""

MAX_SECONDS = 2 * TIMEOUT_SECONDS
"""How long a connection lives: a receiver that sends a byte now and then would otherwise hold it
for ever."""


class NotPublic(OSError):
    """The host name belongs to an address that is not public."""


class WebhookNetwork(httpcore.NetworkBackend):
    """Connects to public addresses, and to others only where `allow_private`.

    A host name is resolved once, and the connection is made to the addresses that were checked:
    they cannot change between check and connection. They are tried in the system's order, each for
    its share of the time.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._network = httpcore.SyncBackend()
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = monotonic() + MAX_SECONDS
        addresses = [host] if self._allow_private else _resolve_public(host, port)
        share = (TIMEOUT_SECONDS if timeout is None else timeout) / len(addresses)
        *others, last = addresses
        for address in others:
            with suppress(httpcore.NetworkError, httpcore.TimeoutException):
                return _DeadlineStream(self._network.connect_tcp(address, port, share), deadline)
        return _DeadlineStream(self._network.connect_tcp(last, port, share), deadline)


def _resolve_public(host: str, port: int) -> list[str]:
    resolved = getaddrinfo(host, port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in resolved))
    if not all(is_public(ip_address(each)) for each in addresses):
        raise NotPublic(f"{host} is not a public address.")
    return addresses


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._remaining(timeout))
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _remaining(self, timeout: float | None) -> float:
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout(f"It took longer than {MAX_SECONDS:g} s.")
        return remaining if timeout is None else min(timeout, remaining)
