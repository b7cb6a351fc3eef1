"""What is told to an address of the client's when its job is over (Standard Webhooks)."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from secrets import token_bytes
from typing import Any
from urllib.parse import urlsplit

import redis
from standardwebhooks import Webhook

from shared.job_records import origin_from_text
from shared.job_store import Transition, milliseconds, on_job
from shared.redis_keys import WEBHOOKS

_SECRETS = "api:webhook-secrets"
_SECRET_BYTES = 32

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
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try at a webhook.

    Attributes:
        owner: whose secret signs it.
        status: how the job ended.
        number: of the try, from 1.
        request_id: of the request that the job was submitted by.
        traceparent: the span that the try belongs under, where the job is traced.
    """

    job_id: str
    url: str
    owner: str
    status: str
    number: int
    request_id: str | None
    traceparent: str | None


def take(job_id: str, *, hold_seconds: float) -> Transition[Delivery | None]:
    """The next try at a job's webhook, if it is due and nobody else is at it."""

    def read(reply: Any) -> Delivery | None:
        if not reply:
            return None
        url, owner, status, tries, origin = reply
        return Delivery(job_id, url, owner, status, int(tries) + 1, *origin_from_text(origin))

    arguments = {"hold_ms": milliseconds(hold_seconds)}
    return on_job("take_delivery", job_id, arguments, read=read)


def note(delivery: Delivery, *, error: str | None, again_seconds: float | None) -> Transition[bool]:
    """What came of a try, and when there will be another."""
    arguments = {
        "try": delivery.number,
        "fault": error or "",
        "again_ms": "" if again_seconds is None else milliseconds(again_seconds),
    }
    return on_job("note_delivery", delivery.job_id, arguments, read=bool)


def due(*, limit: int) -> Transition[list[str]]:
    """The jobs whose webhooks are to be tried."""
    return Transition("due_webhooks", {"webhooks": WEBHOOKS}, {"limit": limit}, list)


def body_of(delivery: Delivery, now: datetime) -> str:
    """What is sent: small, and the same in every try but for its time."""
    path = f"/jobs/{delivery.job_id}"
    links = {"self": path, "result": f"{path}/result"}
    return json.dumps(
        {
            "type": f"job.{delivery.status}",
            "timestamp": now.astimezone(UTC).isoformat(),
            "data": {"id": delivery.job_id, "status": delivery.status, "links": links},
        }
    )


def headers_of(delivery: Delivery, secret: str, body: str, now: datetime) -> dict[str, str]:
    """The headers that a receiver verifies it by."""
    message_id = f"msg_{delivery.job_id}"
    return {
        "content-type": "application/json",
        "user-agent": "Pastiche",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }


def secret_of(client: "redis.Redis", owner: str) -> str:
    """What an owner's webhooks are signed with: made when it is first asked for."""
    fresh = "whsec_" + b64encode(token_bytes(_SECRET_BYTES)).decode()
    client.hsetnx(_SECRETS, owner, fresh)
    return str(client.hget(_SECRETS, owner))


def fault_of_url(url: str, *, allow_private: bool) -> str | None:
    """Why nothing can be sent to an address, None where it can be tried: names are resolved when
    that is done."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "This is no address of the web."
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "This must begin with https://."
    is_plain = _URL_CHARACTERS.fullmatch(url) is not None and "@" not in parts.netloc
    if not is_plain or port == 0 or host is None or not _is_host(host):
        return "This is no plain address of the web."
    if not allow_private and _is_private(host):
        return "This address is not a public one."
    return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet could be meant by it, and nobody nearer."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _SPECIAL_IPV4)
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in _GLOBAL_IPV6 and not any(address in block for block in _SPECIAL_IPV6)


def _is_host(host: str) -> bool:
    """Whether it is an IP address, or a name that could be one in the DNS. What ends in a number
    and is no address in four parts, such as `127.1` or `0x7f000001`, is read as an address all the
    same by the system that resolves it."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        is_name = len(host) <= _LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
        return is_name and _NUMBER.fullmatch(labels[-1]) is None
    return True


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        name = f".{host.removesuffix('.')}"
        return name.endswith((".localhost", ".local", ".internal", ".home.arpa"))
