"""The addresses that webhooks may go to."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

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
"""All that IANA gives out as global unicast. Loopback, mapped, compatible and translated IPv4,
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
"""What else of IANA's IPv6 Special-Purpose Address Registry lies within, but 6to4: that holds an
IPv4 address, which decides."""

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]!$&'()*+,;=%@]+")
"""RFC 3986, section 2."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_MAX_NAME_LENGTH = 253


def check_url(url: str, *, allow_private: bool) -> str | None:
    """Why nothing can be sent to a URL; None if it can be tried. Host names are not resolved."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "This is not a web address."
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "This must begin with https://."
    is_plain = _URL_CHARACTERS.fullmatch(url) is not None and "@" not in parts.netloc
    if not is_plain or port == 0 or host is None or not _is_host(host):
        return "This is not a plain web address."
    if not allow_private and _is_private(host):
        return "This address is not a public one."
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
