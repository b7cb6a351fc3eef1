"""What is told to an address of the client's when its job is over (Standard Webhooks)."""

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from secrets import token_bytes
from typing import Any
from urllib.parse import urlsplit

import redis
from standardwebhooks import Webhook

from shared.calls import Transition, milliseconds, on_job
from shared.jobs import origin_from_text
from shared.redis_keys import WEBHOOKS

_SECRETS = "api:webhook-secrets"
_SECRET_BYTES = 32
_WITHIN_IPV6 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Where an IPv4 address is written as an IPv6 one, for networks that translate between them."""


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

    return on_job("take_delivery", job_id, milliseconds(hold_seconds), read=read)


def note(delivery: Delivery, *, error: str | None, again_seconds: float | None) -> Transition[bool]:
    """What came of a try, and when there will be another."""
    again = "" if again_seconds is None else milliseconds(again_seconds)
    return on_job("note_delivery", delivery.job_id, delivery.number, error or "", again, read=bool)


def due(*, limit: int) -> Transition[list[str]]:
    """The jobs whose webhooks are to be tried."""
    return Transition("due_webhooks", (WEBHOOKS,), (limit,), list)


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
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is no address of the web."
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "This must begin with https://."
    if not host or parts.username or parts.password or not url.isascii() or not url.isprintable():
        return "This is no plain address of the web."
    if not allow_private and _is_private_literal(host):
        return "This address is not a public one."
    return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet could be meant by it, and nobody nearer."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or any(address in network for network in _WITHIN_IPV6):
            return False
    return address.is_global and not address.is_multicast


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
