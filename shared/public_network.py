"""Connections to addresses that a client names: only to public ones, and with a deadline."""

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM, getaddrinfo
from ssl import SSLContext
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpcore

_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private use
            "100.64.0.0/10",  # shared address space of providers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link local
            "172.16.0.0/12",  # private use
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relay anycast
            "192.168.0.0/16",  # private use
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
"""Every block of IANA's IPv4 Special-Purpose Address Registry, and multicast."""

_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""Everything that IANA assigns as global unicast. Loopback, mapped, compatible and translated IPv4,
NAT64, discard, site local, unique local, link local and multicast are outside of it."""

_SPECIAL_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments, Teredo and ORCHID among them
            "2001:db8::/32",  # documentation
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
"""The blocks of IANA's IPv6 Special-Purpose Address Registry within it, except 6to4: the IPv4
address in a 6to4 address decides."""

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]!$&'()*+,;=%@]+")
"""RFC 3986, section 2."""

_INVALID_HOST = "This URL has an invalid host or port."

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_MAX_NAME_LENGTH = 253


class NotPublic(OSError):
    """The host name belongs to an address that is not public."""


class PublicNetwork(httpcore.NetworkBackend):
    """Connects to public addresses, and to others only if `allow_private`.

    A host name is resolved once, and the connection is made to the addresses that were checked:
    they cannot change between check and connection. They are tried in the system's order, each for
    its share of the time.

    Args:
        max_seconds: how long a connection lives. Otherwise a server that sends a byte now and then
            could hold it forever.
    """

    def __init__(self, *, allow_private: bool, max_seconds: float) -> None:
        self._network = httpcore.SyncBackend()
        self._allow_private = allow_private
        self._max_seconds = max_seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = monotonic() + self._max_seconds
        addresses = [host] if self._allow_private else _resolve_public(host, port)
        share = (self._max_seconds if timeout is None else timeout) / len(addresses)
        *others, last = addresses
        for address in others:
            with suppress(httpcore.NetworkError, httpcore.TimeoutException):
                return _DeadlineStream(self._network.connect_tcp(address, port, share), deadline)
        return _DeadlineStream(self._network.connect_tcp(last, port, share), deadline)


def check_url(url: str, *, allow_private: bool) -> str | None:
    """Why a URL cannot be used; None if it can be tried. Host names are not resolved."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _INVALID_HOST
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "This must begin with https://."
    if _URL_CHARACTERS.fullmatch(url) is None:
        return "This URL contains invalid characters."
    if "@" in parts.netloc:
        return "This URL must not contain a user name or a password."
    if port == 0 or host is None or not _is_host(host):
        return _INVALID_HOST
    if not allow_private and _is_private(host):
        return "This URL's address is not public."
    return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is an address on the internet, not in a local network."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _SPECIAL_IPV4)
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in _GLOBAL_IPV6 and not any(address in block for block in _SPECIAL_IPV6)


def _is_host(host: str) -> bool:
    """Whether it is an IP address, or a name that could be in the DNS. A name that ends in a
    number, such as `127.1` or `0x7f000001`, is refused: the resolver reads it as an address."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        is_name = len(host) <= _MAX_NAME_LENGTH and all(map(_LABEL.fullmatch, labels))
        return is_name and _NUMBER.fullmatch(labels[-1]) is None
    return True


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        name = f".{host.removesuffix('.')}"
        return name.endswith((".localhost", ".local", ".internal", ".home.arpa"))


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
            raise httpcore.ReadTimeout("The connection lived too long.")
        return remaining if timeout is None else min(timeout, remaining)
